/**
 * scripts/rootfs.ts: where busybox comes from, and interrupted runs.
 *
 * @module
 */
// @ts-types="../../types/std_assert.d.ts"
import {
  assertEquals,
  assertMatch,
  assertNotMatch,
  assertStringIncludes,
} from "@std/assert";
import { makeStaticElf } from "../../rootfs/_elf_fixture.ts";
import { PINNED_BUSYBOX } from "../../rootfs/sources.ts";
import { sha256Hex } from "../../rootfs/verify.ts";

import {
  APT,
  closedUrl,
  hasScript,
  NEEDS_BUSYBOX,
  type Place,
  test,
} from "../_rootfs.ts";

const PINNED = PINNED_BUSYBOX[Deno.build.arch];
const NEEDS_PINNED = PINNED
  ? ""
  : " (skipped: no pinned busybox for this architecture)";

test(
  "names both digests if the download is not the pinned one",
  NEEDS_PINNED + NEEDS_BUSYBOX,
  async (place) => {
    const bytes = makeStaticElf() as Uint8Array<ArrayBuffer>;
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () => new Response(bytes),
    );
    try {
      const url = `http://127.0.0.1:${server.addr.port}/busybox`;
      // Without a PATH there is no apt-get, so only this host's busybox is
      // left.
      const { status, stderr } = await place.run([], {
        CONTAINER_BUSYBOX_URL: url,
        PATH: "/nonexistent",
      });
      assertEquals(status, 0, stderr);
      const digest = await sha256Hex(bytes);
      const lines = stderr.split("\n");
      const changed =
        `rootfs: Skipped busybox from ${PINNED?.name}: its SHA-256 is ${digest}, expected ${PINNED?.sha256}`;
      // What could be an attack is shown without --debug too.
      assertEquals(lines[0], changed);
      assertStringIncludes(lines[1]!, "with busybox from this host");
      assertEquals(lines.slice(2), [""]);
      const { stderr: details } = await place.run(["--debug", "--out", "fs2"], {
        CONTAINER_BUSYBOX_URL: url,
        PATH: "/nonexistent",
      });
      assertEquals(details.split("\n").slice(0, 3), [
        "rootfs: Skipped busybox from the cache: it is empty",
        changed,
        "rootfs: Skipped busybox from Debian's package busybox-static: there is no apt-get on this host",
      ]);
    } finally {
      await server.shutdown();
    }
  },
);

test(
  "continues after a network that fails",
  NEEDS_PINNED + NEEDS_BUSYBOX,
  async (place) => {
    const { status, stderr } = await place.run(["--debug"], {
      CONTAINER_BUSYBOX_URL: closedUrl(),
      PATH: "/nonexistent",
    });
    assertEquals(status, 0, stderr);
    assertMatch(stderr, /Skipped .*: cannot download .*: Connection refused\n/);
  },
);

test(
  "draws a progress bar on a terminal, without colour if NO_COLOR is set",
  NEEDS_PINNED + NEEDS_BUSYBOX +
    (hasScript() ? "" : " (skipped: no script(1))"),
  async (place) => {
    const drip = () =>
      new ReadableStream({
        async start(controller) {
          for (let i = 0; i < 10; i++) {
            controller.enqueue(new Uint8Array(50_000));
            await new Promise((done) => setTimeout(done, 50));
          }
          controller.close();
        },
      });
    const headers = { "content-length": "500000" };
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () => new Response(drip(), { headers }),
    );
    try {
      const env = {
        CONTAINER_BUSYBOX_URL: `http://127.0.0.1:${server.addr.port}/busybox`,
      };
      const { stdout } = await place.onTerminal([], env);
      assertStringIncludes(stdout, `Downloading ${PINNED?.name}`);
      assertMatch(stdout, /#>-.*\([\d.]+ KiB\/488\.28 KiB\)/);
      // deno-lint-ignore no-control-regex
      assertNotMatch(stdout, /\x1b\[\d+m/);
      const { stderr } = await place.run(["--out", "fs2"], {
        ...env,
        XDG_CACHE_HOME: `${place.root}/cache2`,
      });
      assertStringIncludes(stderr, "its SHA-256 is");
      assertNotMatch(stderr, /Downloading/);
    } finally {
      await server.shutdown();
    }
  },
);

test(
  "--offline skips the sources that need a network",
  NEEDS_BUSYBOX,
  async (place) => {
    const { status, stderr } = await place.run(["--offline", "--debug"]);
    assertEquals(status, 0, stderr);
    assertEquals(stderr.match(/it needs a network \(--offline\)/g)?.length, 2);
    assertStringIncludes(stderr, "with busybox from this host");
  },
);

test(
  "unpacks Debian's package, and uses the cache after that",
  APT ? "" : " (skipped: apt-get reaches no archive)",
  async (place) => {
    const env = { CONTAINER_BUSYBOX_URL: closedUrl() };
    const first = await place.run([], env);
    assertEquals(first.status, 0, first.stderr);
    assertStringIncludes(
      first.stderr,
      "from Debian's package busybox-static (",
    );
    const [entry] = await Array.fromAsync(Deno.readDir(place.cache));
    assertEquals(((await Deno.stat(place.cache)).mode ?? 0) & 0o7777, 0o700);
    const bytes = await Deno.readFile(`${place.dir}/fs/bin/busybox`);
    assertEquals(entry?.name, `${Deno.build.arch}-${await sha256Hex(bytes)}`);

    const again = await place.run(["--force", "--offline"]);
    assertEquals(again.status, 0, again.stderr);
    assertStringIncludes(
      again.stderr,
      "Created fs with busybox from the cache",
    );

    await Deno.writeTextFile(`${place.cache}/${entry?.name}`, "tampered");
    const third = await place.run(["--force"], env);
    assertEquals(third.status, 0, third.stderr);
    assertStringIncludes(third.stderr, `Removed ${place.cache}/${entry?.name}`);
    assertStringIncludes(third.stderr, "from Debian's package");
  },
);

/** Starts a run that waits for a server without an answer. */
async function interrupt(
  place: Place,
  signal: Deno.Signal,
): Promise<Deno.CommandStatus> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  const url = `http://127.0.0.1:${listener.addr.port}/busybox`;
  const child = place.command(["--force"], { CONTAINER_BUSYBOX_URL: url })
    .spawn();
  const connection = await accepted;
  child.kill(signal);
  const { code, success, signal: by } = await child.output();
  connection.close();
  listener.close();
  return { code, success, signal: by };
}

test("leaves nothing when it is interrupted", NEEDS_PINNED, async (place) => {
  assertEquals((await interrupt(place, "SIGINT")).code, 130);
  assertEquals(place.names(), []);
  assertEquals((await interrupt(place, "SIGTERM")).code, 143);
  assertEquals(place.names(), []);
});

test(
  "leaves the old tree when it is killed, and cleans up at the next run",
  NEEDS_PINNED + NEEDS_BUSYBOX,
  async (place) => {
    await place.build("--minimal");
    const { ino } = await Deno.stat(`${place.dir}/fs`);
    assertEquals((await interrupt(place, "SIGKILL")).signal, "SIGKILL");
    assertEquals((await Deno.stat(`${place.dir}/fs`)).ino, ino);
    const left = place.names(".fs.d").filter((name) => name !== "rootfs");
    assertEquals(left.length, 1);
    const said = await place.build("--minimal");
    assertStringIncludes(
      said,
      `Removed ${left[0]}, left behind by a killed run`,
    );
    assertEquals(place.names(".fs.d"), ["rootfs"]);
    assertEquals((await Deno.stat(`${place.dir}/fs`)).ino, ino);
  },
);

test(
  "waits for another run, and then has nothing to do",
  NEEDS_PINNED + NEEDS_BUSYBOX,
  async (place) => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepted = listener.accept();
    const url = `http://127.0.0.1:${listener.addr.port}/busybox`;
    const first = place.command([], {
      CONTAINER_BUSYBOX_URL: url,
      PATH: "/nonexistent",
    }).spawn();
    const firstOutput = first.output();
    const connection = await accepted;
    let done = false;
    const second = place.run([], { CONTAINER_BUSYBOX_URL: url })
      .finally(() => done = true);
    // Longer than the delay after which it reports what it waits for.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assertEquals(done, false);
    connection.close();
    listener.close();
    assertEquals((await firstOutput).code, 0);
    const { status, stderr } = await second;
    assertEquals(status, 0, stderr);
    assertStringIncludes(
      stderr,
      "Waiting until another run has finished with fs",
    );
    assertStringIncludes(stderr, "nothing to do");
    assertEquals(place.names(".fs.d"), ["rootfs"]);
  },
);

test("prints help on stdout and usage errors on stderr", "", async (place) => {
  const help = await place.run(["--help"]);
  assertEquals([help.status, help.stderr], [0, ""]);
  assertStringIncludes(help.stdout, "Examples:\n  deno task rootfs\n");
  const wrong = await place.run(["--fource"]);
  assertEquals([wrong.status, wrong.stdout], [2, ""]);
  assertEquals(
    wrong.stderr,
    'rootfs: Unknown argument "--fource"; see "deno task rootfs --help"\n',
  );
  assertEquals(place.names(), []);
});

test("--debug adds the stack trace", "", async (place) => {
  const { stderr } = await place.run(["--debug", "--busybox", "/bin/ls"]);
  assertMatch(stderr, /\n {4}at /);
});

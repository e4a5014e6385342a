/**
 * Runs scripts/rootfs.ts as a user does, each time in a directory of its own.
 *
 * @module
 */
// @ts-types="../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertNotMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
// @ts-types="../types/std_path.d.ts"
import { fromFileUrl } from "@std/path";
import { makeStaticElf } from "../rootfs/_elf_fixture.ts";
import { HOST_BUSYBOX_PATHS, PINNED_BUSYBOX } from "../rootfs/sources.ts";
import { sha256Hex, staticBinaryProblem } from "../rootfs/verify.ts";

const SCRIPT = fromFileUrl(new URL("../scripts/rootfs.ts", import.meta.url));
const CONFIG = fromFileUrl(new URL("../deno.json", import.meta.url));
const NEEDS_ROOT = Deno.uid() === 0 ? "" : " (skipped: needs root)";
const BUSYBOX = HOST_BUSYBOX_PATHS.find((path) => {
  try {
    return staticBinaryProblem(Deno.readFileSync(path), Deno.build.arch) ===
      null;
  } catch {
    return false;
  }
});
const NEEDS_BUSYBOX = BUSYBOX ? "" : " (skipped: no static busybox here)";
const APT = aptWorks();

interface Result {
  status: number;
  stdout: string;
  stderr: string;
}

/** A directory with 0755, as most have, and an empty cache beside it. */
class Place {
  constructor(readonly root: string) {}

  get dir() {
    return `${this.root}/work`;
  }

  get cache() {
    return `${this.root}/cache/container/busybox`;
  }

  command(
    args: string[],
    env: Record<string, string> = {},
    instead?: { program: string; args: string[] },
  ): Deno.Command {
    const cache = Deno.env.get("XDG_CACHE_HOME") ??
      `${Deno.env.get("HOME")}/.cache`;
    return new Deno.Command(instead?.program ?? Deno.execPath(), {
      args: instead?.args ??
        ["run", "-A", "--quiet", "--config", CONFIG, SCRIPT, ...args],
      cwd: this.dir,
      env: {
        // Deno's own cache would move with XDG_CACHE_HOME.
        DENO_DIR: Deno.env.get("DENO_DIR") ?? `${cache}/deno`,
        XDG_CACHE_HOME: `${this.root}/cache`,
        NO_COLOR: "1",
        ...env,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  }

  async run(args: string[], env?: Record<string, string>): Promise<Result> {
    const output = await this.command(args, env).output();
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return {
      status: output.code,
      stdout: decode(output.stdout),
      stderr: decode(output.stderr),
    };
  }

  /** A run whose streams are a terminal, shown in the result's stdout. */
  async onTerminal(
    args: string[],
    env: Record<string, string>,
  ): Promise<Result> {
    const words = [Deno.execPath(), "run", "-A", "--config", CONFIG, SCRIPT];
    const line = [...words, ...args].map((word) => `'${word}'`).join(" ");
    const output = await this.command([], env, {
      program: "script",
      args: ["-qec", `stty rows 24 cols 100; ${line}`, "/dev/null"],
    }).output();
    const stdout = new TextDecoder().decode(output.stdout);
    return { status: output.code, stdout, stderr: "" };
  }

  /** A run that has to succeed, with the busybox of this host. */
  async build(...args: string[]): Promise<string> {
    const result = await this.run(["--busybox", BUSYBOX ?? "", ...args]);
    assertEquals(result.status, 0, result.stderr);
    assertEquals(result.stdout, "");
    return result.stderr;
  }

  names(below = "."): string[] {
    return [...Deno.readDirSync(`${this.dir}/${below}`)]
      .map((entry) => entry.name).sort();
  }
}

/** Runs a test in a place of its own; skips it, saying why, if it must be. */
function test(
  name: string,
  skip: string,
  fn: (place: Place) => Promise<void>,
) {
  Deno.test({
    name: `rootfs ${name}${skip}`,
    ignore: skip !== "",
    fn: async () => {
      const place = new Place(await Deno.makeTempDir());
      try {
        await Deno.chmod(place.root, 0o755);
        await Deno.mkdir(place.dir);
        await Deno.chmod(place.dir, 0o755);
        await Deno.mkdir(`${place.root}/cache`);
        await fn(place);
      } finally {
        await Deno.remove(place.root, { recursive: true });
      }
    },
  });
}

async function mounted(
  target: string,
  options: string,
  run: () => Promise<void>,
) {
  const call = async (...args: string[]) => {
    const { success, stderr } = await new Deno.Command(args[0]!, {
      args: args.slice(1),
    }).output();
    assert(success, new TextDecoder().decode(stderr));
  };
  await call("mount", "-t", "tmpfs", "-o", options, "tmpfs", target);
  try {
    await run();
  } finally {
    await call("umount", target);
  }
}

/** Whether apt reaches its archive, which decides what Debian's test can be. */
function aptWorks(): boolean {
  const dir = Deno.makeTempDirSync();
  try {
    return new Deno.Command("apt-get", {
      args: ["-o", "Acquire::Retries=0", "download", "busybox-static"],
      cwd: dir,
      stdout: "null",
      stderr: "null",
    }).outputSync().success;
  } catch {
    return false;
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

function hasScript(): boolean {
  try {
    return new Deno.Command("script", { args: ["-V"], stdout: "null" })
      .outputSync().success;
  } catch {
    return false;
  }
}

/** An address on which nobody listens. */
function closedUrl(): string {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return `http://127.0.0.1:${port}/busybox`;
}

test(
  "builds the full tree behind a closed directory",
  NEEDS_BUSYBOX,
  async (place) => {
    const said = await place.build();
    assertStringIncludes(said, "Made fs with busybox from");
    assertStringIncludes(said, "open to you alone (0700)");
    assertEquals(place.names(), [".fs.d", "fs"]);
    assertEquals(await Deno.readLink(`${place.dir}/fs`), ".fs.d/rootfs");
    assertEquals(place.names(".fs.d"), ["rootfs"]);
    const mode = async (path: string) =>
      ((await Deno.stat(`${place.dir}/${path}`)).mode ?? 0) & 0o7777;
    assertEquals(await mode(".fs.d"), 0o700);
    assertEquals(await mode("fs"), 0o755);
    assertEquals(await mode("fs/tmp"), 0o1777);
    assertEquals(place.names("fs"), [
      "bin",
      "dev",
      "etc",
      "proc",
      "root",
      "sys",
      "tmp",
    ]);
    assertEquals(place.names("fs/etc"), [
      "group",
      "hostname",
      "hosts",
      "passwd",
      "resolv.conf",
    ]);
    const { stdout } = await new Deno.Command(`${place.dir}/fs/bin/busybox`, {
      args: ["--list"],
    }).output();
    const applets = new TextDecoder().decode(stdout).trim().split("\n");
    assertEquals(
      place.names("fs/bin"),
      [...new Set(["busybox", ...applets])].sort(),
    );
    const echo = await new Deno.Command(`${place.dir}/fs/bin/echo`, {
      args: ["hi"],
    }).output();
    assertEquals(new TextDecoder().decode(echo.stdout), "hi\n");
  },
);

test(
  "--minimal builds exactly the seed's tree",
  NEEDS_BUSYBOX,
  async (place) => {
    await place.build("--minimal");
    assertEquals(place.names("fs"), ["bin", "proc"]);
    assertEquals(place.names("fs/proc"), []);
    const links = ["cat", "echo", "ls", "ps", "sh"];
    assertEquals(place.names("fs/bin"), ["busybox", ...links].sort());
    for (const link of links) {
      assertEquals(
        await Deno.readLink(`${place.dir}/fs/bin/${link}`),
        "busybox",
      );
    }
  },
);

test(
  "keeps host users from a setuid file made inside",
  NEEDS_BUSYBOX + NEEDS_ROOT,
  async (place) => {
    await place.build();
    const shell = `${place.dir}/fs/bin/busybox`;
    await Deno.chmod(shell, 0o4755);
    // Not by setpriv: that still holds capabilities while it looks up the file.
    const asNobody = async () =>
      await new Deno.Command(shell, { args: ["true"], uid: 65534, gid: 65534 })
        .output();
    await assertRejects(asNobody, Deno.errors.PermissionDenied);
    // The same file in the open, so that the test is known to see it.
    await Deno.chmod(`${place.dir}/.fs.d`, 0o755);
    assertEquals((await asNobody()).code, 0);
  },
);

test(
  "does nothing the second time and says so",
  NEEDS_BUSYBOX,
  async (place) => {
    await place.build();
    const inode = async () => (await Deno.stat(`${place.dir}/fs`)).ino;
    const first = await inode();
    await Deno.writeTextFile(`${place.dir}/fs/root/mine`, "");
    assertStringIncludes(await place.build(), "nothing to do");
    assertEquals(await inode(), first);
    assertEquals(place.names("fs/root"), ["mine"]);

    assertStringIncludes(await place.build("--minimal"), "--force --minimal");
    assertEquals(await inode(), first);

    assertStringIncludes(await place.build("--force"), "Made fs");
    assertNotEquals(await inode(), first);
    assertEquals(place.names("fs/root"), []);
    assertEquals(place.names(".fs.d"), ["rootfs"]);
  },
);

test("reports a damaged tree", NEEDS_BUSYBOX, async (place) => {
  await place.build();
  await Deno.remove(`${place.dir}/fs/bin/sh`);
  const { status, stderr } = await place.run([]);
  assertEquals(status, 1);
  assertEquals(
    stderr,
    "rootfs: Cannot use fs as it is: bin/sh is missing; build it again with --force\n",
  );
});

test(
  "links a tree whose run was killed before the link",
  NEEDS_BUSYBOX,
  async (place) => {
    await place.build();
    await Deno.remove(`${place.dir}/fs`);
    assertStringIncludes(await place.build(), "nothing to do");
    assertEquals(await Deno.readLink(`${place.dir}/fs`), ".fs.d/rootfs");
  },
);

test(
  "takes the directory itself in a closed parent",
  NEEDS_BUSYBOX,
  async (place) => {
    await Deno.chmod(place.dir, 0o700);
    assertStringIncludes(
      await place.build(),
      "in a directory open to you alone",
    );
    assertEquals(place.names(), ["fs"]);
    assert((await Deno.lstat(`${place.dir}/fs`)).isDirectory);

    // Opened later: said, and moved with --force.
    await Deno.chmod(place.dir, 0o755);
    assertStringIncludes(await place.build(), "--force moves it");
    assertEquals(place.names(), ["fs"]);
    await place.build("--force");
    assertEquals(place.names(), [".fs.d", "fs"]);
    assertEquals(place.names(".fs.d"), ["rootfs"]);
    assert((await Deno.lstat(`${place.dir}/fs`)).isSymlink);
  },
);

test(
  "takes the directory itself on a nosuid mount",
  NEEDS_BUSYBOX + NEEDS_ROOT,
  async (place) => {
    await mounted(place.dir, "nosuid,size=8m", async () => {
      assertStringIncludes(await place.build(), "fs is on a nosuid mount");
      assertEquals(place.names(), ["fs"]);
    });
  },
);

test("--out makes the directories above it", NEEDS_BUSYBOX, async (place) => {
  await place.build("--out", "a/b/tree");
  assertEquals(place.names("a/b"), [".tree.d", "tree"]);
});

test("refuses a place that is not its own", NEEDS_BUSYBOX, async (place) => {
  await Deno.mkdir(`${place.dir}/other/bin`, { recursive: true });
  await Deno.writeTextFile(`${place.dir}/other/bin/busybox`, "");
  await Deno.writeTextFile(`${place.dir}/other/bin/bash`, "");
  await Deno.mkdir(`${place.dir}/empty`);
  await Deno.writeTextFile(`${place.dir}/file`, "");
  await Deno.symlink("other", `${place.dir}/link`);
  await Deno.symlink("nowhere", `${place.dir}/dangling`);
  const before = place.names();
  for (const out of [...before, "/usr", "/proc"]) {
    const { status, stderr } = await place.run([
      "--force",
      "--busybox",
      BUSYBOX ?? "",
      "--out",
      out,
    ]);
    assertEquals(status, 1);
    assertStringIncludes(stderr, `rootfs: Cannot replace ${out}: it is `);
  }
  const { status, stderr } = await place.run(["--force", "--out", "/"]);
  assertEquals(status, 1);
  assertStringIncludes(stderr, "Cannot place a root filesystem at /");
  assertEquals(place.names(), before);
  assertEquals(place.names("other/bin"), ["bash", "busybox"]);
});

test(
  "refuses a closed directory that is not closed",
  NEEDS_BUSYBOX,
  async (place) => {
    await Deno.mkdir(`${place.dir}/.fs.d`);
    await Deno.chmod(`${place.dir}/.fs.d`, 0o755);
    const { status, stderr } = await place.run(["--busybox", BUSYBOX ?? ""]);
    assertEquals(status, 1);
    assertStringIncludes(stderr, "it is open to other users");
    assertEquals(place.names(), [".fs.d"]);
  },
);

test(
  "--force refuses while something is mounted in the tree",
  NEEDS_BUSYBOX + NEEDS_ROOT,
  async (place) => {
    await place.build();
    await mounted(`${place.dir}/fs/tmp`, "size=64k", async () => {
      await Deno.writeTextFile(`${place.dir}/fs/tmp/precious`, "");
      const { status, stderr } = await place.run([
        "--force",
        "--busybox",
        BUSYBOX ?? "",
      ]);
      assertEquals(status, 1);
      assertMatch(stderr, /something is mounted at .*rootfs\/tmp; run "umount/);
      assertEquals(place.names("fs/tmp"), ["precious"]);
    });
    assertEquals(place.names(".fs.d"), ["rootfs"]);
  },
);

test(
  "refuses what is no static busybox and leaves nothing",
  "",
  async (place) => {
    const script = `${place.root}/script`;
    await Deno.writeTextFile(script, "#!/bin/sh\necho sh\n");
    const broken = `${place.root}/broken`;
    await Deno.writeFile(broken, makeStaticElf());
    const cases: [file: string, cause: string][] = [
      ["/bin/ls", "it is dynamically linked (it needs the loader /"],
      [script, "it is not an ELF executable"],
      [`${place.root}/missing`, "there is no such file"],
      [place.dir, "it is not a regular file"],
      ["/dev/zero", "it is not a regular file"],
      [broken, ""],
    ];
    for (const [file, cause] of cases) {
      const { status, stdout, stderr } = await place.run(["--busybox", file]);
      assertEquals(status, 1, file);
      assertEquals(stdout, "");
      assertStringIncludes(
        stderr,
        `rootfs: Cannot use ${file} as busybox: ${cause}`,
      );
      assertNotMatch(stderr, /\n./, "one line, no stack");
      assertEquals(place.names(), []);
    }
  },
);

test("keeps the old tree when --force fails", NEEDS_BUSYBOX, async (place) => {
  await place.build();
  const { ino } = await Deno.stat(`${place.dir}/fs`);
  const { status } = await place.run(["--force", "--busybox", "/bin/ls"]);
  assertEquals(status, 1);
  assertEquals((await Deno.stat(`${place.dir}/fs`)).ino, ino);
  assertEquals(place.names(".fs.d"), ["rootfs"]);
});

test(
  "says that the disk is full and leaves nothing",
  NEEDS_BUSYBOX + NEEDS_ROOT,
  async (place) => {
    await mounted(place.dir, "size=256k", async () => {
      const { status, stderr } = await place.run(["--busybox", BUSYBOX ?? ""]);
      assertEquals(status, 1);
      assertEquals(
        stderr,
        "rootfs: Cannot build fs: no space left on device; free some space or choose another place\n",
      );
      assertEquals(place.names(), []);
    });
  },
);

const PINNED = PINNED_BUSYBOX[Deno.build.arch];
const NEEDS_PINNED = PINNED
  ? ""
  : " (skipped: no pinned busybox for this architecture)";

test(
  "names both digests when the download is not the pinned one",
  NEEDS_PINNED + NEEDS_BUSYBOX,
  async (place) => {
    const bytes = makeStaticElf() as Uint8Array<ArrayBuffer>;
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () => new Response(bytes),
    );
    try {
      const url = `http://127.0.0.1:${server.addr.port}/busybox`;
      // Without a PATH there is no apt-get, which leaves this host's busybox.
      const { status, stderr } = await place.run([], {
        CONTAINER_BUSYBOX_URL: url,
        PATH: "/nonexistent",
      });
      assertEquals(status, 0, stderr);
      const digest = await sha256Hex(bytes);
      const lines = stderr.split("\n");
      assertEquals(lines.slice(0, 3), [
        "rootfs: busybox from the cache: not used: it is empty",
        `rootfs: busybox from ${PINNED?.name}: not used: its SHA-256 is ${digest}, expected ${PINNED?.sha256}`,
        "rootfs: busybox from Debian's package busybox-static: not used: there is no apt-get on this host",
      ]);
      assertStringIncludes(lines[3]!, "with busybox from this host");
    } finally {
      await server.shutdown();
    }
  },
);

test(
  "goes on after a network that fails",
  NEEDS_PINNED + NEEDS_BUSYBOX,
  async (place) => {
    const { status, stderr } = await place.run([], {
      CONTAINER_BUSYBOX_URL: closedUrl(),
      PATH: "/nonexistent",
    });
    assertEquals(status, 0, stderr);
    assertMatch(stderr, /not used: cannot download .*: Connection refused\n/);
  },
);

test(
  "draws a progress bar on a terminal, without colour if NO_COLOR says so",
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
    const { status, stderr } = await place.run(["--offline"]);
    assertEquals(status, 0, stderr);
    assertEquals(stderr.match(/it needs a network \(--offline\)/g)?.length, 2);
    assertStringIncludes(stderr, "with busybox from this host");
  },
);

test(
  "unpacks Debian's package and then takes it from the cache",
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
    assertStringIncludes(again.stderr, "Made fs with busybox from the cache");

    await Deno.writeTextFile(`${place.cache}/${entry?.name}`, "tampered");
    const third = await place.run(["--force"], env);
    assertEquals(third.status, 0, third.stderr);
    assertStringIncludes(third.stderr, `Dropped ${place.cache}/${entry?.name}`);
    assertStringIncludes(third.stderr, "from Debian's package");
  },
);

/** Starts a run that waits for a server which never answers. */
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
  "leaves the old tree when it is killed, and sweeps after itself",
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
      `Removed ${left[0]}, left by a run that was killed`,
    );
    assertEquals(place.names(".fs.d"), ["rootfs"]);
    assertEquals((await Deno.stat(`${place.dir}/fs`)).ino, ino);
  },
);

test(
  "waits for another run and does nothing after it",
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
    // Longer than the wait after which it says what it waits for.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assertEquals(done, false);
    connection.close();
    listener.close();
    assertEquals((await firstOutput).code, 0);
    const { status, stderr } = await second;
    assertEquals(status, 0, stderr);
    assertStringIncludes(stderr, "Waiting for another run to finish with fs");
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

test("--debug adds the stack", "", async (place) => {
  const { stderr } = await place.run(["--debug", "--busybox", "/bin/ls"]);
  assertMatch(stderr, /\n {4}at /);
});

/**
 * A tmpfs that starts with a copy of the directory that it covers: tmpcopyup,
 * as podman uses it.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import type { Config } from "../_config.ts";
import {
  CONTAINER,
  execute,
  Nobody,
  test,
  until,
  without,
} from "../_harness.ts";

const tmpfs =
  (destination: string, ...options: string[]) =>
  ({ linux: _, ...config }: Config & { mounts?: unknown[] }) => {
    config.mounts?.push({
      destination,
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "nodev", "tmpcopyup", ...options],
    });
  };

async function said(bundle: Bundle): Promise<string> {
  await bundle.create("one");
  await bundle.does("start", "one");
  await until(
    "it has ended",
    async () => await bundle.status("one") === "stopped",
  );
  return await Deno.readTextFile(`${bundle.dir.path}/rootfs/out`);
}

const LOOK =
  "exec >/out 2>&1; ls -lan /place/ | tr -s ' ' | cut -d' ' -f1,3,9-; cat /place/link; echo new >/place/new && echo written";

async function fill(bundle: Bundle): Promise<void> {
  const place = `${bundle.dir.path}/rootfs/real`;
  await Deno.mkdir(place, { mode: 0o750 });
  await Deno.writeTextFile(`${place}/file`, "text\n", { mode: 0o640 });
  await Deno.chown(`${place}/file`, 7, 8);
  await Deno.symlink("file", `${place}/link`);
  // A link of the image leads to a path inside, whatever its target.
  await Deno.symlink("/real", `${bundle.dir.path}/rootfs/place`);
}

test("tmpcopyup: the tmpfs has the covered files, and changes are not kept", async () => {
  await using bundle = await Bundle.make(
    ["sh", "-c", LOOK],
    tmpfs("/place"),
  );
  await fill(bundle);
  const text = await said(bundle);
  assertStringIncludes(text, "-rw-r----- 7 file\n");
  assertStringIncludes(text, "link -> file\n");
  assertStringIncludes(text, "\ntext\nwritten\n");
  const left = await Array.fromAsync(
    Deno.readDir(`${bundle.dir.path}/rootfs/real`),
  );
  assertEquals(left.map(({ name }) => name).sort(), ["file", "link"]);
});

test("tmpcopyup: read-only, with a mode, and over an empty path", async () => {
  await using bundle = await Bundle.make([
    ...["sh", "-c"],
    "exec >/out 2>&1; stat -c %a /place/; cat /place/file; touch /place/x",
  ], tmpfs("/place", "ro", "mode=711"));
  await fill(bundle);
  assertEquals(
    await said(bundle),
    "711\ntext\ntouch: /place/x: Read-only file system\n",
  );
  await using empty = await Bundle.make(
    ["sh", "-c", "ls -a /nothing >/out"],
    tmpfs("/nothing"),
  );
  assertEquals(await said(empty), ".\n..\n");
});

test("tmpcopyup: too much data for the size is an error, and nothing is left", async () => {
  await using bundle = await Bundle.make(["true"], tmpfs("/place", "size=8k"));
  await fill(bundle);
  await Deno.writeFile(
    `${bundle.dir.path}/rootfs/real/large`,
    new Uint8Array(100_000),
  );
  const { status, stderr } = await bundle.call(
    "create",
    "--bundle",
    bundle.dir.path,
    "one",
  );
  assertEquals(status, 125);
  assertStringIncludes(stderr, "container: Cannot create a tmpfs with a copy");
  assertStringIncludes(stderr, "No space left on device");
});

const OWNER =
  "stat -c '%a %u' /real; cat /place/link; touch /place/new && echo written";

test("tmpcopyup works for an ordinary user", async () => {
  await using nobody = await Nobody.make();
  await using bundle = await Bundle.make([]);
  const { path } = bundle.dir;
  await fill(bundle);
  await Deno.remove(`${path}/config.json`);
  for (const id of ["chown -R 65534:65534", "chmod -R a+rX"]) {
    assertEquals((await execute([...id.split(" "), path])).status, 0);
  }
  const call = (...args: string[]) =>
    execute([...nobody.before, ...CONTAINER, ...args], { env: nobody.env });
  await call("spec", "--rootless", "--bundle", path);
  const config = JSON.parse(await Deno.readTextFile(`${path}/config.json`));
  const seen = async (...options: string[]) => {
    config.process.terminal = false;
    config.process.args = ["sh", "-c", OWNER];
    config.mounts = config.mounts.filter((
      { destination }: { destination: string },
    ) => destination !== "/place");
    tmpfs("/place", ...options)(config);
    await Deno.writeTextFile(`${path}/config.json`, JSON.stringify(config));
    return await call(
      "--root",
      `${path}/state`,
      "run",
      "--bundle",
      path,
      "one",
    );
  };
  assertEquals((await seen()).stdout, "755 0\ntext\nwritten\n");
  assertEquals((await seen("ro", "mode=711")).stdout, "711 0\ntext\n");
  await Deno.writeFile(`${path}/rootfs/real/large`, new Uint8Array(100_000));
  const { status, stderr } = await seen("size=8k");
  assertEquals(status, 125);
  assertStringIncludes(
    stderr,
    "No space left on device. Check whether there is enough space",
  );
  const left = await Array.fromAsync(Deno.readDir(`${path}/rootfs/real`));
  assertEquals(left.map(({ name }) => name).sort(), ["file", "large", "link"]);
}, { skip: without("setpriv") });

test("tmpcopyup: root in a user namespace owns the copy", async () => {
  await using bundle = await Bundle.make(["sh", "-c", OWNER], (config) => {
    const { linux } = config;
    (linux.namespaces as { type: string }[]).push({ type: "user" });
    linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 1000 }];
    linux.gidMappings = linux.uidMappings;
    tmpfs("/place")(config);
  });
  await fill(bundle);
  // Files of users without a mapping stay closed to it.
  const { stdout } = await bundle.call(
    "run",
    ...["--bundle", bundle.dir.path, "one"],
  );
  assertEquals(stdout, "750 0\nwritten\n");
});

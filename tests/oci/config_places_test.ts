/**
 * The destinations and sources of the mounts of a config.json: links that lead
 * to nothing, sources that an earlier mount provides, file systems made from
 * directories of the host, /dev. What other runtimes do in the same way is also
 * tested with runc.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import type { Config } from "../_config.ts";
import { CONTAINER, execute, type Result, test, without } from "../_harness.ts";

/** Runs a bundle with our program, or with another runtime. */
type Runtime = (bundle: Bundle, ...flags: string[]) => Promise<Result>;

const ours: Runtime = (bundle, ...flags) =>
  bundle.call("run", ...flags, "--bundle", bundle.dir.path, "one");

const runc: Runtime = ({ dir: { path } }, ...flags) =>
  execute([
    ...["runc", "--root", `${path}/runc`, "run"],
    ...[...flags, "--bundle", path, path.slice(path.lastIndexOf("/") + 1)],
  ]);

/** Runs a test with our program and with runc, so the test itself is tested too. */
function testAlike(
  name: string,
  fn: (run: Runtime) => Promise<void>,
  skip: string | null = null,
): void {
  test(name, () => fn(ours), { skip });
  test(`${name} (runc)`, () => fn(runc), { skip: skip ?? without("runc") });
}

const bind = (source: string, destination: string) => ({
  ...{ destination, source, type: "bind", options: ["bind"] },
});

/** Removes the mounts whose destination begins with a path. */
function unmount(config: Config, place: string): void {
  config.mounts = config.mounts.filter(({ destination }) =>
    destination !== place && !destination.startsWith(`${place}/`)
  );
}

const namesIn = (directory: string) =>
  [...Deno.readDirSync(directory)].map(({ name }) => name).sort();

testAlike("a /dev of the host stays unchanged", async (run) => {
  await using bundle = await Bundle.make(
    [
      "sh",
      "-c",
      "echo text > /dev/null; test -e /dev/fd && stat -c '%t:%T' /dev/null /dev/zero; ls /dev/not-there",
    ],
    (config) => {
      unmount(config, "/dev");
      config.mounts.push({
        ...bind("/dev", "/dev"),
        options: ["rbind"],
      });
      const node = { type: "c", fileMode: 0o666 };
      config.linux.devices = [
        { ...node, path: "/dev/zero", major: 1, minor: 5 },
        { ...node, path: "/dev/not-there", major: 1, minor: 5 },
      ];
    },
  );
  const before = namesIn("/dev");
  const { status, stdout, stderr } = await run(bundle);
  assertEquals([status, stdout], [1, "1:3\n1:5\n"], stderr);
  assertEquals(namesIn("/dev"), before);
  if (run === ours) {
    assertStringIncludes(
      stderr,
      "linux.devices: /dev/not-there is not created, because /dev is /dev of the host",
    );
  }
});

testAlike(
  "a bundle without a mount at /dev gets its devices in the root filesystem, once",
  async (run) => {
    await using bundle = await Bundle.make(
      ["sh", "-c", "stat -c '%t:%T %a' /dev/null /tmp/fifo; readlink /dev/fd"],
      (config) => {
        unmount(config, "/dev");
        config.linux.devices = [{
          path: "/tmp/fifo",
          type: "p",
          fileMode: 0o640,
        }];
      },
    );
    for (const time of ["first", "second"]) {
      const { stdout, stderr } = await run(bundle);
      assertEquals(
        [stdout, stderr],
        ["1:3 666\n0:0 640\n/proc/self/fd\n", ""],
        time,
      );
    }
    if (run !== ours) return;
    const place = `${bundle.dir.path}/rootfs/dev/zero`;
    await Deno.remove(place);
    await Deno.writeTextFile(place, "text");
    const { status, stderr } = await run(bundle);
    assertEquals(status, 125);
    assertStringIncludes(
      stderr,
      "Cannot create the device /dev/zero: compare: file exists (EEXIST). Another device or another kind of file has this path",
    );
    assertEquals(await Deno.readTextFile(place), "text");
  },
);

/**
 * Links of a root filesystem, and the path at which a mount on the first of
 * them is found.
 */
const LINKS: Record<string, [links: Record<string, string>, end: string]> = {
  "an absolute one": [{ "": "/opt/absolute/deep/er" }, "/opt/absolute/deep/er"],
  "a relative one": [{ "": "near/er" }, "/mnt/near/er"],
  "a chain": [
    { "": "chain-2", "chain-2": "/mnt/chain-3", "chain-3": "end" },
    "/mnt/end",
  ],
  "one that climbs out": [{ "": "../../../../../outside" }, "/outside"],
};

testAlike(
  "the target of a link is made inside the root, and mounted on",
  async (run) => {
    for (const kind of ["directory", "file"]) {
      await using bundle = await Bundle.make(
        ["sh", "-c", "cut -d ' ' -f 5 /proc/self/mountinfo"],
      );
      const { path } = bundle.dir;
      const root = `${path}/rootfs`;
      const source = `${path}/source`;
      await Deno.mkdir(`${root}/mnt`, { recursive: true });
      if (kind === "file") await Deno.writeTextFile(source, "");
      else await Deno.mkdir(source);
      const config = JSON.parse(await Deno.readTextFile(`${path}/config.json`));
      const ends: string[] = [];
      for (const [index, [links, end]] of Object.values(LINKS).entries()) {
        for (const [name, to] of Object.entries(links)) {
          await Deno.symlink(to, `${root}/mnt/${name || index}`);
        }
        config.mounts.push(bind(source, `/mnt/${index}`));
        ends.push(end);
      }
      await Deno.symlink("/opt/below", `${root}/mnt/way`);
      config.mounts.push(bind(source, "/mnt/way/on/it"), {
        ...{ destination: "/mnt/fresh", type: "tmpfs", source: "tmpfs" },
      });
      await Deno.symlink("/opt/fresh", `${root}/mnt/fresh`);
      ends.push("/opt/below/on/it", "/opt/fresh");
      await Deno.writeTextFile(`${path}/config.json`, JSON.stringify(config));
      const { stdout, stderr } = await run(bundle);
      const found = stdout.split("\n").filter((place) => ends.includes(place));
      assertEquals([found.sort(), stderr], [ends.sort(), ""], kind);
      assertEquals(namesIn(path).includes("outside"), false);
      const { isFile } = await Deno.stat(`${root}/outside`);
      assertEquals(isFile, kind === "file");
    }
  },
);

test("a working directory that is a link to nothing is made, even in a mount", async () => {
  await using bundle = await Bundle.make(["pwd", "-P"], (config) => {
    config.process.cwd = "/mnt/link/there";
    config.mounts.push({ destination: "/opt", type: "tmpfs" });
  });
  const root = `${bundle.dir.path}/rootfs`;
  await Deno.mkdir(`${root}/mnt`, { recursive: true });
  await Deno.symlink("/opt/made", `${root}/mnt/link`);
  assertEquals((await ours(bundle)).stdout, "/opt/made/there\n");
  assertEquals(namesIn(`${root}/opt`), []);
});

testAlike("a source can come from an earlier mount", async (run) => {
  await using bundle = await Bundle.make(
    ["sh", "-c", "cat /tmp/directory/file /tmp/file; ls /tmp/whole/"],
    ({ mounts }) => {
      mounts.push(
        // Relative to the bundle, like every source.
        bind("source", "/mnt"),
        bind("rootfs/mnt/below", "/tmp/directory"),
        bind("rootfs/mnt/below/file", "/tmp/file"),
        { destination: "/opt", type: "tmpfs", source: "tmpfs" },
        bind("source", "/opt/in"),
        { ...bind("rootfs/opt", "/tmp/whole"), options: ["rbind", "ro"] },
      );
    },
  );
  const { path } = bundle.dir;
  await Deno.mkdir(`${path}/source/below`, { recursive: true });
  await Deno.writeTextFile(`${path}/source/below/file`, "text\n");
  const { stdout, stderr } = await run(bundle);
  assertEquals([stdout, stderr], ["text\ntext\nin\n", ""]);
  assertEquals(namesIn(`${path}/rootfs/opt`), []);
});

test("a source from an earlier mount is looked up inside the root", async () => {
  await using bundle = await Bundle.make(
    ["ls", "/tmp/shown"],
    ({ mounts }) => {
      mounts.push(bind("source", "/mnt"), bind("rootfs/mnt/out", "/tmp/shown"));
    },
  );
  const { path } = bundle.dir;
  await Deno.mkdir(`${path}/source`);
  await Deno.mkdir(`${path}/rootfs/usr/inside`, { recursive: true });
  // With runc, which uses the host's path, it would lead to the host's
  // directory.
  await Deno.symlink("/usr", `${path}/source/out`);
  assertEquals((await ours(bundle)).stdout, "inside\n");
  await Deno.remove(`${path}/source/out`);
  await Deno.symlink("/proc/sys", `${path}/source/out`);
  const { status, stderr } = await ours(bundle);
  assertEquals(status, 125);
  assertStringIncludes(stderr, "too many levels of symbolic links (ELOOP)");
});

testAlike(
  "a bundle in a user namespace can have a source that only its owner may enter",
  async (run) => {
    await using bundle = await Bundle.make(
      [
        "sh",
        "-c",
        // Mounts below it stay restricted and covered.
        "cat /tmp/one/file /tmp/two; mount -o remount,bind,rw /tmp/one 2>&1; umount /tmp/one/below 2>&1; grep ' /tmp/one' /proc/self/mountinfo | cut -d ' ' -f 5,6",
      ],
      (config) => {
        const { linux, mounts, process } = config;
        (linux.namespaces as { type: string }[]).push({ type: "user" });
        linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 1000 }];
        linux.gidMappings = linux.uidMappings;
        delete linux.seccomp;
        const all = ["CAP_SYS_ADMIN"];
        Object.assign(process, {
          capabilities: { bounding: all, effective: all, permitted: all },
        });
        mounts.push(
          { ...bind("closed/tree", "/tmp/one"), options: ["rbind"] },
          bind("closed/file", "/tmp/two"),
        );
      },
    );
    const { path } = bundle.dir;
    const [program, ...words] = run === ours
      ? [...CONTAINER, "--root", `${path}/state`]
      : ["runc", "--root", `${path}/runc`];
    const { stdout, stderr } = await execute([
      ...["unshare", "-m", "--propagation", "private", "sh", "-ec"],
      `cd "$0"; chown -R 100000:100000 rootfs
     mkdir closed; mount -t tmpfs -o mode=700,uid=1234 none closed
     mkdir -p closed/tree/below; echo two > closed/file; echo one > closed/tree/file
     mount -t tmpfs none closed/tree/below
     mount -o remount,ro,nosuid,nodev closed; exec "$@"`,
      ...[path, program!, ...words, "run", "--bundle", path],
      path.slice(path.lastIndexOf("/") + 1),
    ]);
    assertEquals([stdout, stderr], [
      "one\ntwo\nmount: permission denied (are you root?)\n" +
      "umount: can't unmount /tmp/one/below: Invalid argument\n" +
      "/tmp/one ro,nosuid,nodev,relatime\n/tmp/one/below rw,relatime\n",
      "",
    ]);
  },
  without("unshare"),
);

testAlike("an overlay can be made of directories of the host", async (run) => {
  await using bundle = await Bundle.make([
    "sh",
    "-c",
    "ls /mnt; touch /mnt/new 2>&1; grep -c ' /mnt ro,nosuid.* overlay ' /proc/self/mountinfo",
  ]);
  const { path } = bundle.dir;
  const config = JSON.parse(await Deno.readTextFile(`${path}/config.json`));
  for (const name of ["one", "two"]) {
    await Deno.mkdir(`${path}/${name}/${name}`, { recursive: true });
  }
  config.mounts.push({
    ...{ destination: "/mnt", type: "overlay", source: "overlay" },
    options: [`lowerdir=${path}/one:${path}/two`, "ro", "nosuid"],
  });
  await Deno.writeTextFile(`${path}/config.json`, JSON.stringify(config));
  const { stdout, stderr } = await run(bundle);
  assertEquals(
    [stdout, stderr],
    ["one\ntwo\ntouch: /mnt/new: Read-only file system\n1\n", ""],
  );
});

test("rootfsPropagation applies to the root, and with an r also to the mounts in it", async () => {
  const found = async (rootfsPropagation: string) => {
    await using bundle = await Bundle.make(
      [
        "sh",
        "-c",
        "grep -E '^([^ ]+ ){4}/(proc)? ' /proc/self/mountinfo | cut -d ' ' -f 7",
      ],
      ({ linux }) => {
        linux.rootfsPropagation = rootfsPropagation;
        linux.maskedPaths = ["/proc/acpi", "/proc/kcore"];
      },
    );
    const { stdout, stderr } = await ours(bundle);
    assertEquals(stderr, "");
    return stdout.replace(/:\d+/g, "").trim().split("\n");
  };
  assertEquals(await found("shared"), ["shared", "-"]);
  assertEquals(await found("rshared"), ["shared", "shared"]);
  assertEquals(await found("unbindable"), ["unbindable", "-"]);
  assertEquals(await found("runbindable"), ["unbindable", "unbindable"]);
  assertEquals(await found("rslave"), ["-", "-"]);
});

testAlike("a root without pivot_root can be read-only", async (run) => {
  await using bundle = await Bundle.make(
    ["sh", "-c", "touch /new 2>&1; touch /mnt/new && echo made"],
    (config) => {
      Object.assign(config, { root: { path: "rootfs", readonly: true } });
      config.mounts.push({
        ...{ destination: "/mnt", type: "tmpfs", source: "tmpfs" },
      });
    },
  );
  const { stdout, stderr } = await run(bundle, "--no-pivot");
  assertEquals(
    [stdout, stderr],
    ["touch: /new: Read-only file system\nmade\n", ""],
  );
});

/** Paths in a config.json: mounts, their options, the working directory. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import { CONTAINER, execute, TempDir, test, without } from "../_harness.ts";

const file = (bundle: Bundle, name: string) => `${bundle.dir.path}/${name}`;

test("run --bundle makes the working directory, and starts a relative destination at the root", async () => {
  await using bundle = await Bundle.make(
    ["sh", "-c", "pwd; stat -c %a .; stat -f -c %T /tmp/place"],
    (config) => {
      config.process.cwd = "/tmp/new/place";
      config.mounts.push({ destination: "tmp/place", type: "tmpfs" });
    },
  );
  const { status, stdout, stderr } = await bundle.call(
    "run",
    ...["--bundle", bundle.dir.path, "one"],
  );
  assertEquals([status, stdout], [0, "/tmp/new/place\n755\ntmpfs\n"]);
  assertStringIncludes(stderr, '"tmp/place" is relative, which is deprecated');
});

/**
 * Options of a bind mount, with the attributes of the mount and of one below
 * it.
 */
const BIND_OPTIONS: Record<string, [string, string]> = {
  "rbind": ["rw,noatime", "ro,nosuid,nodev,noexec,relatime"],
  "rbind,rrw": ["rw,noatime", "rw,nosuid,nodev,noexec,relatime"],
  "rbind,rsuid,rdev,rexec": ["rw,noatime", "ro,relatime"],
  "rbind,rnoatime,rnodiratime": [
    "rw,noatime,nodiratime",
    "ro,nosuid,nodev,noexec,noatime,nodiratime",
  ],
  "rbind,rstrictatime": ["rw", "ro,nosuid,nodev,noexec"],
  "rbind,rstrictatime,rrelatime": [
    "rw,relatime",
    "ro,nosuid,nodev,noexec,relatime",
  ],
  "rbind,ratime": ["rw,relatime", "ro,nosuid,nodev,noexec,relatime"],
  "rbind,relatime,mand,noacl,remount": [
    "rw,relatime",
    "ro,nosuid,nodev,noexec,relatime",
  ],
  // Without the prefix r they apply to the mount itself.
  "rbind,ro,rw": ["rw,noatime", "ro,nosuid,nodev,noexec,relatime"],
  "rbind,rro,rw": ["ro,noatime", "ro,nosuid,nodev,noexec,relatime"],
  "rbind,atime": ["rw,relatime", "ro,nosuid,nodev,noexec,relatime"],
};

/** The same for the mount below, bind mounted alone. */
const CLEARING_OPTIONS: Record<string, string> = {
  "bind": "ro,nosuid,nodev,noexec,relatime",
  "bind,rw": "rw,nosuid,nodev,noexec,relatime",
  "bind,dev,exec": "ro,nosuid,relatime",
  "bind,suid,nosymfollow,symfollow": "ro,nodev,noexec,relatime",
  "bind,rw,dev,exec,suid,strictatime": "rw",
  "bind,norelatime,diratime,nostrictatime": "ro,nosuid,nodev,noexec,relatime",
  // What is asked for lifts no other restriction.
  "bind,rw,noatime": "rw,nosuid,nodev,noexec,noatime",
};

test(
  "a bind mount gets the attributes that are asked for, and loses those that are cleared",
  async () => {
    await using dir = new TempDir();
    const place = `${dir.path}/place`;
    const asked = [
      ...Object.keys(BIND_OPTIONS).map((options) => [options, place]),
      ...Object.keys(CLEARING_OPTIONS).map((
        options,
      ) => [options, `${place}/below`]),
    ] as [options: string, source: string][];
    await using bundle = await Bundle.make(
      ["grep", " /tmp/place", "/proc/self/mountinfo"],
      ({ mounts }) =>
        asked.forEach(([options, source], index) =>
          mounts.push({
            ...{ destination: `/tmp/place${index}/`, type: "bind", source },
            options: options.split(","),
          })
        ),
    );
    const { stdout, stderr } = await execute([
      ...["unshare", "-m", "--propagation", "private", "sh", "-c"],
      `mkdir -p "$0" && mount -t tmpfs -o noatime none "$0" && mkdir "$0/below" &&
       mount -t tmpfs -o ro,nosuid,nodev,noexec none "$0/below" && exec "$@"`,
      place,
      ...[...CONTAINER, "--root", file(bundle, "state")],
      ...["run", "--bundle", bundle.dir.path, "one"],
    ]);
    assertEquals(stderr, "");
    const found = stdout.trim().split("\n").map((line) => line.split(" "));
    const attributes = asked.map(([options], index) => [
      options,
      found.filter(([, , , , at]) => `${at}/`.startsWith(`/tmp/place${index}/`))
        .map(([, , , , , attributes]) => attributes),
    ]);
    assertEquals(attributes, [
      ...Object.entries(BIND_OPTIONS),
      ...Object.entries(CLEARING_OPTIONS).map((
        [options, expected],
      ) => [options, [expected]]),
    ]);
  },
  { skip: without("unshare") },
);

test(
  "a mount below a shared mount reaches the host if rootfsPropagation is shared",
  async () => {
    const seen = async (rootfsPropagation?: string) => {
      await using dir = new TempDir();
      await Deno.mkdir(`${dir.path}/below`);
      await using bundle = await Bundle.make(
        ["touch", "/tmp/place/below/seen"],
        (config) => {
          config.linux.rootfsPropagation = rootfsPropagation;
          config.mounts.push({
            destination: "/tmp/place",
            type: "bind",
            source: dir.path,
            options: ["rbind", "rshared"],
          }, { destination: "/tmp/place/below", type: "tmpfs" });
        },
      );
      const { stdout, stderr } = await execute([
        ...["unshare", "-m", "--propagation", "private", "sh", "-c"],
        `mount --bind "$0" "$0" && mount --make-shared "$0" && "$@" && ls "$0/below"`,
        dir.path,
        ...[...CONTAINER, "--root", file(bundle, "state")],
        ...["run", "--bundle", bundle.dir.path, "one"],
      ]);
      assertEquals(stderr, "");
      return stdout;
    };
    assertEquals(await seen("rshared"), "seen\n");
    assertEquals(await seen("rslave"), "");
    assertEquals(await seen(), "");
  },
  { skip: without("unshare") },
);

test("mounts below a read-only tmpfs are made before it becomes read-only", async () => {
  await using bundle = await Bundle.make(
    [
      "sh",
      "-c",
      "grep -cE ' (/tmp/place|/dev) ro,' /proc/self/mountinfo; touch /tmp/place/in/file /tmp/place/no /dev/no; test -c /dev/null",
    ],
    ({ mounts }) => {
      mounts.push(
        { destination: "/tmp/place", type: "tmpfs", options: ["ro", "nodev"] },
        { destination: "/tmp/place/in", type: "tmpfs" },
      );
      const dev = mounts.find(({ destination }) => destination === "/dev");
      dev!.options = [...dev!.options ?? [], "ro"];
    },
  );
  const { status, stdout, stderr } = await bundle.call(
    "run",
    ...["--bundle", bundle.dir.path, "one"],
  );
  assertEquals([status, stdout], [0, "2\n"]);
  assertEquals(stderr.match(/[^ ]*: Read-only file system/g), [
    "/tmp/place/no: Read-only file system",
    "/dev/no: Read-only file system",
  ]);
});

test("a tmpfs gets the permissions of the directory that it covers, unless a mode is set", async () => {
  await using bundle = await Bundle.make(
    ["stat", "-c", "%a", "/etc", "/opt", "/srv", "/tmp/new"],
    ({ mounts }) => {
      for (const name of ["etc", "opt", "tmp/new"]) {
        mounts.push({ destination: `/${name}`, type: "tmpfs" });
      }
      mounts.push({
        ...{ destination: "/srv", type: "tmpfs" },
        options: ["mode=0711"],
      });
    },
  );
  for (
    const [name, mode] of [["etc", 0o750], ["opt", 0o1777], [
      "srv",
      0o700,
    ]] as const
  ) {
    const path = file(bundle, `rootfs/${name}`);
    await Deno.mkdir(path, { recursive: true });
    await Deno.chmod(path, mode);
  }
  const { status, stdout, stderr } = await bundle.call(
    "run",
    ...["--bundle", bundle.dir.path, "one"],
  );
  assertEquals([status, stderr], [0, ""]);
  assertEquals(stdout, "750\n1777\n711\n1777\n");
});

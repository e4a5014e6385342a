/**
 * /sys/fs/cgroup inside: present, the container's own, and read-only unless
 * privileged.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertMatch } from "@std/assert";
import { readHierarchy } from "../../cgroup/mod.ts";
import {
  copyRootfs,
  execute,
  type Mode,
  Nobody,
  TempDir,
  testBoth,
  without,
} from "../_harness.ts";

const { layout, mounts } = readHierarchy();
const none = layout === "none" ? "this machine has no cgroups" : null;
const V1 = layout !== "v2";

/** busybox has a setpriv that cannot change the user. */
function withoutUsers(): string | null {
  const missing = without("setpriv");
  if (missing) return missing;
  const { success } = new Deno.Command("setpriv", {
    args: ["--reuid=0", "true"],
    stderr: "null",
  }).outputSync();
  return success ? null : "setpriv cannot change the user";
}

/** The path of a controller's file inside. */
const file = (controller: string, v1: string, v2: string) =>
  V1 ? `/sys/fs/cgroup/${controller}/${v1}` : `/sys/fs/cgroup/${v2}`;

const memory = mounts.some(({ controllers }) => controllers.includes("memory"))
  ? null
  : "no memory controller";

/** Prints the mounts at and below /sys/fs/cgroup: path, options, type. */
const LOOK =
  `awk '$5 ~ "^/sys/fs/cgroup" { print $5, $6, $8 }' /proc/self/mountinfo`;

async function look(mode: Mode, flags: string[], options = {}) {
  const { status, stdout, stderr } = await mode.run([
    ...flags,
    ...["sh", "-c", LOOK],
  ], options);
  assertEquals([status, stderr], [0, ""]);
  return stdout.trim().split("\n").map((line) => {
    const [place = "", words = "", type = ""] = line.split(" ");
    return { place, words: words.split(","), type };
  });
}

/** Asserts the mounts: on v1 a directory for each hierarchy. */
function assertMounted(
  found: Awaited<ReturnType<typeof look>>,
  writable: "ro" | "rw",
): void {
  const [top, ...rest] = found;
  assertEquals(top?.place, "/sys/fs/cgroup");
  assertEquals(top?.type, V1 ? "tmpfs" : "cgroup2");
  for (const { words } of found) {
    for (const word of [writable, "nosuid", "nodev", "noexec"]) {
      assert(words.includes(word), `${word}: ${words}`);
    }
  }
  assert(rest.every(({ type }) => type === "cgroup"));
  const own = mounts.filter(({ version }) => version === 1);
  assertEquals(rest.length, V1 ? own.length : 0);
}

testBoth("run mounts /sys/fs/cgroup read-only", async (mode) => {
  assertMounted(await look(mode, []), "ro");
  const { stdout } = await mode.runShell(
    `cd /sys/fs/cgroup; mkdir x 2>/dev/null && echo made
     for f in cgroup.procs */cgroup.procs; do [ -e $f ] && (echo 1 > $f) 2>/dev/null && echo $f; done; ls | wc -l`,
  );
  assertMatch(stdout, /^\d+\n$/);
}, { skip: none });

testBoth("--privileged makes /sys/fs/cgroup writable", async (mode) => {
  assertMounted(await look(mode, ["--privileged"]), "rw");
}, { skip: none });

testBoth(
  "a limit can be read inside, at the top of the container's own tree",
  async (mode) => {
    const { stdout } = await mode.run([
      ...["-m", "64m", "cat"],
      file("memory", "memory.limit_in_bytes", "memory.max"),
    ]);
    assertEquals(stdout, `${64 << 20}\n`);
  },
  { skip: none ?? memory },
);

testBoth("run has each controller at its name", async (mode) => {
  const names = mounts.filter(({ version }) => version === 1)
    .flatMap(({ controllers }) => controllers)
    .map((name) => name.replace("name=", ""));
  const { stdout } = await mode.runShell(
    `for c in ${
      names.join(" ")
    }; do [ -e /sys/fs/cgroup/$c/cgroup.procs ] || echo $c; done`,
  );
  assertEquals(stdout, "");
}, { skip: none ?? (V1 ? null : "cgroup v2 has one tree") });

testBoth(
  "--cgroupns host shows the host's /sys/fs/cgroup, read-only",
  async (mode) => {
    const found = await look(mode, ["--cgroupns", "host"]);
    for (const { words } of found) assert(words.includes("ro"), words.join());
    const here = await Array.fromAsync(
      Deno.readDir("/sys/fs/cgroup"),
      ({ name }) => name,
    );
    const { stdout } = await mode.run(
      ["--cgroupns", "host", "ls", "-A", "/sys/fs/cgroup"],
    );
    assertEquals(stdout.trim().split("\n").toSorted(), here.toSorted());
  },
  { skip: none },
);

testBoth("a mount of the user at /sys/fs/cgroup replaces it", async (mode) => {
  const { stdout } = await mode.run([
    ...[
      "--tmpfs",
      "/sys/fs/cgroup:ro",
      "sh",
      "-c",
      `${LOOK}; ls /sys/fs/cgroup`,
    ],
  ]);
  assertMatch(stdout, /^\/sys\/fs\/cgroup ro,[^ ]* tmpfs\n$/);
}, { skip: none });

testBoth("rootless: run mounts /sys/fs/cgroup read-only", async (mode) => {
  await using nobody = await Nobody.make();
  await using dir = new TempDir();
  const path = await copyRootfs(dir.path);
  const { status } = await execute(["chown", "-R", "65534:65534", path]);
  assertEquals(status, 0);
  assertMounted(await look(mode, ["--rootfs", path], nobody), "ro");
}, { skip: none ?? withoutUsers() });

/**
 * exec on cgroup v2, where a cgroup namespace is a boundary for who moves
 * (nsdelegate), as systemd mounts it.
 *
 * @module
 */
// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import { execute, TempDir, test } from "../_harness.ts";
import { sandbox } from "../_pod.ts";

const skip = Deno.env.has("CONTAINER_VM")
  ? null
  : "only in a virtual machine, see deno task test:vm";

const namespaces = (...types: string[]) => types.map((type) => ({ type }));

/**
 * As systemd has it: a mount in the host's namespace sets that for the whole
 * machine, and one without it takes it away (as CRIU does, in other tests).
 */
async function delegate(): Promise<AsyncDisposable> {
  const mount = async (...options: string[]) => {
    await using dir = new TempDir();
    const words = ["mount", "-t", "cgroup2", ...options, "cgroup2", dir.path];
    assertEquals((await execute(words)).status, 0);
    assertEquals((await execute(["umount", dir.path])).status, 0);
  };
  await mount("-o", "nsdelegate");
  return { [Symbol.asyncDispose]: () => mount() };
}

test("exec gets into a cgroup that its own namespace hides", async () => {
  await using _boundaries = await delegate();
  assertMatch(
    await Deno.readTextFile("/proc/self/mountinfo"),
    /- cgroup2 .*\bnsdelegate\b/,
  );
  for (const own of [["cgroup"], []]) {
    await using bundle = await Bundle.make(["sleep", "1000"], ({ linux }) => {
      linux.namespaces = namespaces("pid", "mount", "uts", "ipc", ...own);
    });
    await bundle.create("one");
    await bundle.does("start", "one");
    const { pid } = JSON.parse(await bundle.does("state", "one"));
    const of = await Deno.readTextFile(`/proc/${pid}/cgroup`);
    const seen = await bundle.does("exec", "one", "cat", "/proc/self/cgroup");
    // Outside of it, its own would be a path with .. in it.
    assertEquals(seen, own.length ? "0::/\n" : of);
  }
}, { skip });

test("root of a user namespace has cgroups below its own", async () => {
  const words = [
    "cd /sys/fs/cgroup && mkdir in && echo 0 >in/cgroup.procs",
    "cat /proc/self/cgroup",
    "echo max >pids.max",
  ];
  await using bundle = await Bundle.make(
    ["sh", "-c", words.join("; ")],
    (config) => {
      sandbox(config);
      const mount = config.mounts.find(({ type }) => type === "cgroup");
      mount!.options = mount!.options?.filter((option) => option !== "ro");
    },
  );
  const { stdout, stderr } = await bundle.call(
    "run",
    ...["--bundle", bundle.dir.path, "one"],
  );
  assertEquals(stdout, "0::/in\n");
  // Its limits are not its own to change.
  assertMatch(stderr, /pids.max: Permission denied/);
}, { skip });

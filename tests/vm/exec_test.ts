/**
 * exec on cgroup v2 as systemd mounts it: a cgroup namespace is a boundary that
 * processes cannot be moved across (nsdelegate).
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
 * Sets nsdelegate, as systemd does. A mount in the host's namespace sets it for
 * the whole machine, and a mount without it clears it, as CRIU does in other
 * tests.
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

test("exec enters a cgroup that its own namespace hides", async () => {
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
    // From outside, its own cgroup would be a path with "..".
    assertEquals(seen, own.length ? "0::/\n" : of);
  }
}, { skip });

test("root of a user namespace can make cgroups below its own", async () => {
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
  // It may not change its own limits.
  assertMatch(stderr, /pids.max: Permission denied/);
}, { skip });

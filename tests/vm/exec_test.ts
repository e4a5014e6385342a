/**
 * exec on cgroup v2, where a cgroup namespace is a boundary for who moves
 * (nsdelegate), as systemd mounts it.
 *
 * @module
 */
// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import { test } from "../_harness.ts";

const skip = Deno.env.has("CONTAINER_VM")
  ? null
  : "only in a virtual machine, see deno task test:vm";

const namespaces = (...types: string[]) => types.map((type) => ({ type }));

test("exec gets into a cgroup that its own namespace hides", async () => {
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

/** A container that may make cgroups leaves none behind. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { Bundle } from "../_bundle.ts";
import { test } from "../_harness.ts";

/** In a v1 hierarchy with a cgroup of the container's own, or in the v2 tree. */
const DEEPEN = `cd /sys/fs/cgroup/pids || cd /sys/fs/cgroup
name=$(head -c 250 /dev/zero | tr '\\0' a)
depth=0
while mkdir $name 2>/dev/null && cd ./$name 2>/dev/null; do depth=$((depth+1)); done
test $depth -gt 10 && echo deep`;

test("run removes cgroups below the container's, however long their path", async () => {
  await using bundle = await Bundle.make(["sh", "-c", DEEPEN], (config) => {
    for (const mount of config.mounts) {
      if (mount.type !== "cgroup") continue;
      mount.options = mount.options?.filter((option) => option !== "ro");
    }
  });
  const { status, stdout } = await bundle.call(
    "run",
    "--bundle",
    bundle.dir.path,
    "deep",
  );
  assertEquals([status, stdout], [0, "deep\n"]);
  assertEquals(await bundle.does("list", "-q"), "");
});

/**
 * The accounts of a hostile root filesystem: reading them ends soon and needs
 * little memory.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { Target } from "../_attack.ts";
import { execute, test } from "../_harness.ts";

const PATIENCE = 20_000;

for (
  const [what, make] of [
    ["an endless device", ["mknod", "PATH", "c", "1", "5"]],
    ["a pipe without a writer", ["mkfifo", "PATH"]],
    ["a file of a tebibyte", ["truncate", "-s", "1T", "PATH"]],
    ["a directory", ["mkdir", "PATH"]],
    ["a link to our own descriptor", ["ln", "-s", "/proc/self/fd/0", "PATH"]],
  ] as const
) {
  test(`run does not read ${what} at /etc/passwd as accounts`, async () => {
    await using target = await Target.make({
      prepare: async (rootfs) => {
        const path = `${rootfs}/etc/passwd`;
        await Deno.remove(path).catch(() => {});
        const { status, stderr } = await execute(
          make.map((word) => word === "PATH" ? path : word),
        );
        assertEquals([status, stderr], [0, ""]);
      },
    });
    const options = { patience: PATIENCE };
    // Not id(1), which would read the file itself.
    const numbers = await target.run(
      ["--user", "1000", "stat", "-c", "%u", "/proc/self/"],
      options,
    );
    assertEquals(
      [numbers.status, numbers.stdout, numbers.stderr],
      [0, "1000\n", ""],
    );
    const name = await target.run(["--user", "somebody", "true"], options);
    assertEquals([name.status, name.stdout], [125, ""]);
  });
}

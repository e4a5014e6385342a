/** What a container in the background, and its keeper, inherit from the caller. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { Daily } from "../_daily.ts";
import { execute, rootfs, shellLine, test, until } from "../_harness.ts";

test("run -d keeps no descriptor of the caller open, whatever its number", async () => {
  await using daily = new Daily();
  const line = shellLine(
    daily.words("run", "-dq", "--rootfs", rootfs(), "sleep", "1000"),
  );
  // A reader of such a pipe waits until no process has it open.
  const { status, stdout } = await execute([
    "bash",
    "-c",
    `for fd in 9 30 43 46 47 50 63 100 251; do eval "exec $fd>&1"; done
    exec 1>/dev/null; exec ${line}`,
  ], { patience: 20_000 });
  assertEquals([status, stdout], [0, ""]);
});

test("run -d and exec have docker's umask, whatever the caller's is", async () => {
  await using daily = new Daily();
  const line = shellLine(daily.words(
    ...["run", "-dq", "--name", "one", "--restart", "on-failure:1"],
    ...["--rootfs", rootfs(), "sh", "-c", "umask; exit 1"],
  ));
  const { status } = await execute(["sh", "-c", `umask 027; exec ${line}`]);
  assertEquals(status, 0);
  await until("it has been started again", async () => {
    const { stdout } = await daily.call("logs", "one");
    return stdout.split("\n").length > 2;
  });
  assertEquals(await daily.does("logs", "one"), "0022\n0022\n");
  for (
    const [flags, umask] of [[[], "0022"], [["--umask", "7"], "0007"]] as const
  ) {
    const id = await daily.run(...flags, "sleep", "1000");
    for (const terminal of [[], ["-t"]]) {
      const line = shellLine(
        daily.words("exec", ...terminal, id, "sh", "-c", "umask"),
      );
      const { stdout } = await execute(["sh", "-c", `umask 027; exec ${line}`]);
      assertEquals(stdout.trim(), umask);
    }
  }
});

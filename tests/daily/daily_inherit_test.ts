/** What a container in the background, and its keeper, have of who started it. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { Daily } from "../_daily.ts";
import { execute, rootfs, shellLine, test, until } from "../_harness.ts";

test("no descriptor of the caller's stays open, whatever its number", async () => {
  await using daily = new Daily();
  const line = shellLine(
    daily.words("run", "-dq", "--rootfs", rootfs(), "sleep", "1000"),
  );
  // Who reads from such a pipe to its end waits for whoever has it open.
  const { status, stdout } = await execute([
    "bash",
    "-c",
    `for fd in 9 30 43 46 47 50 63 100 251; do eval "exec $fd>&1"; done
    exec 1>/dev/null; exec ${line}`,
  ], { patience: 20_000 });
  assertEquals([status, stdout], [0, ""]);
});

test("the umask is the caller's, at its first start and at any other", async () => {
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
  assertEquals(await daily.does("logs", "one"), "0027\n0027\n");
});

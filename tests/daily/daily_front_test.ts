/** `run --name` in the foreground, and the resources that containers use. */

// @ts-types="../../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { Daily } from "../_daily.ts";
import {
  CONTAINER,
  rootfs,
  shellLine,
  startTerminal,
  test,
  until,
} from "../_harness.ts";
import { Session } from "../_session.ts";

/** Starts `run --name` without waiting for it. */
const front = (daily: Daily, ...args: string[]) =>
  new Session([
    ...[...CONTAINER, "--root", daily.root],
    ...["run", "-q", "--rootfs", rootfs(), ...args],
  ]);

test("run --name is found by other commands, and its status is kept", async () => {
  await using daily = new Daily();
  const script = "trap 'exit 4' TERM; echo set; while :; do sleep 0.05; done";
  const session = front(daily, "--name", "one", "sh", "-c", script);
  await session.expect(/set/);
  const { State, KeeperPid } = await daily.inspect("one");
  assertEquals(State.Status, "running");
  assert(KeeperPid > 0);
  const logs = await daily.call("logs", "one");
  assertEquals(logs.status, 125);
  assertStringIncludes(logs.stderr, "--detach");
  await daily.does("stop", "one");
  assertEquals(await session.end(), 4);
  assertEquals((await daily.inspect("one")).State.ExitCode, 4);
  // A restart puts it in the background.
  await daily.does("start", "one");
  await daily.says("one", "set");
});

test("run --rm --name leaves nothing, and neither does a removed container", async () => {
  await using daily = new Daily();
  const args = ["--rootfs", rootfs(), "sh", "-c", "exit 3"];
  const run = (...flags: string[]) =>
    daily.call("run", "-q", ...flags, ...args);
  assertEquals((await run("--rm", "--name", "one")).status, 3);
  assertEquals(daily.left(), []);
  const session = front(
    daily,
    "--name",
    "two",
    "sh",
    "-c",
    "echo up; sleep 1000",
  );
  await session.expect(/up/);
  await daily.does("rm", "-f", "two");
  assertEquals(await session.end(), 137);
  assertEquals(daily.left(), []);
});

test("killing run --name ends its container, and rm removes the rest", async () => {
  await using daily = new Daily();
  const session = front(
    daily,
    "--name",
    "one",
    "sh",
    "-c",
    "echo up; sleep 1000",
  );
  await session.expect(/up/);
  const { KeeperPid } = await daily.inspect("one");
  Deno.kill(KeeperPid, "SIGKILL");
  await session.end();
  await daily.is("one", "exited");
  await daily.does("rm", "one");
  assertEquals(daily.left(), []);
});

test("run -d --name refuses a name in use, in docker's words", async () => {
  await using daily = new Daily();
  await daily.run("--name", "one", "sleep", "1000");
  const { status, stderr } = await daily.call(
    ...["run", "-q", "--name", "one", "--rootfs", rootfs(), "true"],
  );
  assertEquals(status, 125);
  assertStringIncludes(stderr, "already in use by container");
});

test("stats prints numbers of running containers, as a table and as JSON", async () => {
  await using daily = new Daily();
  await daily.run(
    "--name",
    "busy",
    "-m",
    "64m",
    "sh",
    "-c",
    "while :; do :; done",
  );
  await daily.run("--name", "idle", "sleep", "1000");
  await daily.run("--name", "done", "true");
  await daily.is("done", "exited");
  const usages = JSON.parse(
    await daily.does("stats", "--no-stream", "--format", "json"),
  ) as Record<string, number | string | null>[];
  const of = (name: string) => usages.find((usage) => usage.name === name)!;
  assertEquals(usages.length, 2);
  assert(Number(of("busy").cpuPercent) > 10, JSON.stringify(usages));
  assert(Number(of("idle").cpuPercent) < 5, JSON.stringify(usages));
  assertEquals(of("busy").memoryLimit, 64 << 20);
  assertEquals(of("idle").processes, 1);
  assertEquals([of("idle").receivedBytes, of("idle").sentBytes], [0, 0]);
  const [head, ...lines] = (await daily.does("stats", "--no-stream")).trimEnd()
    .split("\n");
  assertEquals(lines.length, 2);
  for (const line of lines) {
    assertMatch(line, /^[0-9a-f]{12} {2}(busy|idle) {2}[\d.]+%/);
    // Columns are below their headings.
    assertEquals(line[head!.indexOf("MEM %") - 1], " ");
  }
});

test("stats redraws its table on a terminal", async () => {
  await using daily = new Daily();
  await daily.run("--name", "one", "sleep", "1000");
  const session = startTerminal(
    shellLine([...CONTAINER, "--root", daily.root, "stats"]),
  );
  await session.expect(
    // deno-lint-ignore no-control-regex -- what it writes to the terminal
    /\x1b\[2J\x1b\[HCONTAINER ID[^]*one[^]*\x1b\[J\x1b\[HCONTAINER ID/,
  );
  await session.send("\x03");
  await session.end();
});

test("stats of one container ends with the container", async () => {
  await using daily = new Daily();
  await daily.run("--name", "one", "sleep", "2");
  const out = await daily.does("stats", "one");
  assertStringIncludes(out, "one");
});

test("top lists the processes, with the caller's columns", async () => {
  await using daily = new Daily();
  await daily.run("--name", "one", "sh", "-c", "sleep 1000; true");
  await until(
    "both are there",
    async () =>
      JSON.parse(await daily.does("top", "--format", "json", "one")).length ===
        2,
  );
  assertMatch(
    await daily.does("top", "one"),
    /UID .*\n.*sh -c sleep 1000; true\n.*sleep 1000\n/,
  );
  assertMatch(
    await daily.does("top", "one", "-o", "pid,args"),
    /^ *PID COMMAND\n/,
  );
  await daily.does("kill", "one");
  await daily.is("one", "exited");
  const { status, stderr } = await daily.call("top", "one");
  assertEquals(status, 125);
  assertStringIncludes(stderr, "it has exited");
});

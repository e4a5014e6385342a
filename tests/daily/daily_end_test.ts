/** How containers in the background end: stop, kill, rm, wait, restart policies. */

// @ts-types="../../types/std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { Daily, gone } from "../_daily.ts";
import {
  CONTAINER,
  decode,
  execute,
  test,
  until,
  without,
} from "../_harness.ts";
import { descendants, describeBelow } from "../_host.ts";

const HANDLES =
  "trap 'echo term; exit 5' TERM; echo set; while :; do sleep 0.05; done";

test("stop sends its signal first, and kills a command that ignores it", async () => {
  await using daily = new Daily();
  await daily.run("--name", "hears", "sh", "-c", `${HANDLES}`);
  await daily.run("--name", "deaf", "sleep", "1000");
  await daily.says("hears", "set");
  const begun = performance.now();
  assertEquals(
    await daily.does("stop", "-t", "1", "hears", "deaf"),
    "hears\ndeaf\n",
  );
  assert(performance.now() - begun > 900);
  assertEquals((await daily.inspect("hears")).State.ExitCode, 5);
  assertEquals((await daily.inspect("deaf")).State.ExitCode, 137);
  assertEquals(await daily.does("logs", "hears"), "set\nterm\n");
  // A stopped container is not an error.
  assertEquals(await daily.does("stop", "hears"), "hears\n");
});

test("stop sends the configured signal, and ps does not wait for it", async () => {
  await using daily = new Daily();
  await daily.run(
    ...["--stop-signal", "USR1", "--stop-timeout", "30", "--name", "one"],
    ...[
      "sh",
      "-c",
      "trap 'echo usr1' USR1; trap 'exit 7' USR2; echo set; while :; do sleep 0.05; done",
    ],
  );
  await daily.says("one", "set");
  let waits = true;
  const stopped = daily.does("stop", "one").finally(() => waits = false);
  await daily.says("one", "usr1");
  await daily.does("ps");
  const { State } = await daily.inspect("one");
  assert(waits);
  Deno.kill(State.Pid, "SIGUSR2");
  await stopped;
  assertEquals((await daily.inspect("one")).State.ExitCode, 7);
});

test("kill accepts names, and a signal in the form of docker and of runc", async () => {
  await using daily = new Daily();
  const script = "trap 'echo hup' HUP; echo set; while :; do sleep 0.05; done";
  await daily.run("--name", "one", "sh", "-c", script);
  await daily.says("one", "set");
  assertEquals(await daily.does("kill", "-s", "HUP", "one"), "one\n");
  await daily.says("one", "hup");
  await daily.does("kill", "one", "SIGHUP");
  await daily.says("one", "hup\nhup");
  await daily.does("kill", "one");
  await daily.is("one", "exited");
  const { status, stderr } = await daily.call("kill", "one");
  assertEquals(status, 125);
  assertStringIncludes(stderr, "not running");
});

test(
  "kill and stop end every process of a container in the host's PID namespace",
  async () => {
    await using daily = new Daily();
    const mark = 2000 + Deno.pid % 1000 + 0.5;
    const running = async () => {
      const { stdout } = await execute(["pgrep", "-fc", `^sleep ${mark}`]);
      return Number(stdout);
    };
    const script = `sleep ${mark} & sleep ${mark} & exec sleep ${mark}`;
    for (const words of [["kill"], ["stop", "-t", "0"]]) {
      await daily.run("--name", "one", "--pid", "host", "sh", "-c", script);
      await until("three", async () => await running() === 3);
      await daily.does(...words, "one");
      await until("none", async () => await running() === 0);
      await daily.does("rm", "-f", "one");
    }
  },
  { skip: without("pgrep") },
);

test("rm removes stopped containers, rm -f running ones, and one failure does not stop the others", async () => {
  await using daily = new Daily();
  await daily.run("--name", "runs", "sleep", "1000");
  await daily.run("--name", "done", "true");
  await daily.is("done", "exited");
  const refused = await daily.call("rm", "runs", "nobody", "done");
  assertEquals([refused.status, refused.stdout], [125, "done\n"]);
  assertStringIncludes(refused.stderr, "it is running");
  assertStringIncludes(refused.stderr, "does not exist: nobody");
  const { KeeperPid, Cgroups } = await daily.inspect("runs");
  assert(Cgroups.length > 0);
  await daily.does("rm", "-f", "runs");
  await gone(KeeperPid);
  for (const path of Cgroups) {
    assert(!await Deno.stat(path).then(() => true, () => false), path);
  }
  assertEquals(daily.left(), []);
});

test("rm -f removes a paused container, and one that forks as fast as it can", async () => {
  await using daily = new Daily();
  await daily.run("--name", "still", "sleep", "1000");
  await daily.does("pause", "still");
  await daily.is("still", "paused");
  await daily.does("rm", "-f", "still");
  await daily.run(
    "--name",
    "many",
    "sh",
    "-c",
    "while :; do sleep 1000 & sleep 0.002; done",
  );
  await daily.does("rm", "-f", "many");
  assertEquals(daily.left(), []);
});

test("wait prints the status of a container that has ended or will end", async () => {
  await using daily = new Daily();
  await daily.run("--name", "one", "sh", "-c", "sleep 0.5; exit 3");
  await daily.run("--rm", "--name", "two", "sh", "-c", "sleep 1; exit 4");
  assertEquals(await daily.does("wait", "one", "two"), "3\n4\n");
  assertEquals(await daily.does("wait", "one"), "3\n");
});

test("--rm removes the container and its log when it ends", async () => {
  await using daily = new Daily();
  await daily.run("--rm", "sh", "-c", "sleep 0.2");
  await until("it is gone", () => daily.left().length === 0);
});

test("--restart on-failure restarts a given number of times, and start begins anew", async () => {
  await using daily = new Daily();
  await daily.run(
    ...["--restart", "on-failure:2", "--name", "one"],
    ...["sh", "-c", "echo try; exit 3"],
  );
  // A restart is counted before it happens; until then the container has ended.
  await daily.says("one", "try\ntry\ntry\n");
  await until("it has been tried", async () => {
    const { RestartCount, State } = await daily.inspect("one");
    return RestartCount === 2 && State.Status === "exited";
  });
  assertEquals(await daily.does("logs", "one"), "try\ntry\ntry\n");
  assertEquals((await daily.inspect("one")).State.ExitCode, 3);
  await daily.does("start", "one");
  await until(
    "it is tried again",
    async () => (await daily.does("logs", "one")).split("try").length > 4,
  );
});

test("--restart always restarts until stop, after longer and longer pauses", async () => {
  await using daily = new Daily();
  await daily.run(
    "--restart",
    "always",
    "--name",
    "one",
    "sh",
    "-c",
    "cat /proc/uptime",
  );
  await until(
    "it is started often",
    async () => (await daily.inspect("one")).RestartCount >= 3,
  );
  await daily.does("stop", "one");
  await daily.is("one", "exited");
  const times = (await daily.does("logs", "one")).trim().split("\n")
    .map((line) => Number(line.split(" ")[0]));
  const waits = times.slice(1).map((time, at) => time - times[at]!);
  // A hundred milliseconds, then twice as long.
  assert(
    waits[0]! > 0.09 && waits[1]! > 0.19 && waits[2]! > 0.39,
    String(waits),
  );
  const { RestartCount, KeeperPid } = await daily.inspect("one");
  assertEquals(KeeperPid, 0);
  await nothingRuns();
  assertEquals((await daily.inspect("one")).RestartCount, RestartCount);
});

/** Waits until no process is left that could restart a container. */
async function nothingRuns(): Promise<void> {
  await until(
    () => `no process is left:\n${describeBelow(Deno.pid)}`,
    () => descendants(Deno.pid).every(({ state }) => state === "Z"),
  );
}

test("kill ends a container with a restart policy for good", async () => {
  await using daily = new Daily();
  await daily.run("--restart", "always", "--name", "one", "sleep", "1000");
  // Not killed by our command, so the policy restarts it.
  const { State } = await daily.inspect("one");
  Deno.kill(State.Pid, "SIGKILL");
  await until("it is back", async () => {
    const { State: now } = await daily.inspect("one");
    return now.Running && now.Pid !== State.Pid;
  });
  await daily.does("kill", "one");
  await daily.is("one", "exited");
  await nothingRuns();
  assertEquals((await daily.inspect("one")).State.Status, "exited");
});

test("start and restart bring a container back with all its settings", async () => {
  await using daily = new Daily();
  const id = await daily.run(
    ...["--name", "one", "-e", "WHO=me", "-m", "32m", "--hostname", "box"],
    ...["sh", "-c", "echo $WHO $(hostname); sleep 1000"],
  );
  await daily.says("one", "me box");
  await daily.does("restart", "-t", "0", "one");
  await daily.says("one", "me box\nme box");
  assertEquals((await daily.inspect("one")).Id, id);
  const { Cgroups } = await daily.inspect("one");
  const memory = Cgroups.find((path) => path.includes("/memory/")) ??
    Cgroups[0]!;
  const limit = await Deno.readTextFile(`${memory}/memory.limit_in_bytes`)
    .catch(() => Deno.readTextFile(`${memory}/memory.max`));
  assertEquals(Number(limit), 32 << 20);
  // A running container is not an error.
  assertEquals(await daily.does("start", "one"), "one\n");
  await daily.does("stop", "-t", "0", "one");
  await daily.does("start", id.slice(0, 8));
  await daily.is("one", "running");
});

test("start reports why a container cannot be started again, and rm removes it", async () => {
  await using daily = new Daily();
  const copy = `${daily.dir.path}/goes`;
  await Deno.mkdir(copy);
  const cp = await new Deno.Command("cp", {
    args: ["-a", `${Deno.cwd()}/fs/.`, copy],
  })
    .output();
  assert(cp.success);
  await daily.run(
    "--rootfs",
    copy,
    "--restart",
    "always",
    "--name",
    "one",
    "sleep",
    "0.5",
  );
  await Deno.rename(`${copy}/bin`, `${copy}/nib`);
  await until(
    "it is told",
    async () => (await daily.inspect("one")).State.Error !== "",
  );
  const { State } = await daily.inspect("one");
  assertStringIncludes(State.Error, "sleep");
  const { status } = await daily.call("start", "one");
  assertEquals(status, 127);
  await daily.does("rm", "one");
  assertEquals(daily.left(), []);
});

test("inspect reports that memory ran out", async () => {
  await using daily = new Daily();
  await daily.run(
    "-m",
    "16m",
    "--name",
    "one",
    "sh",
    "-c",
    "x=$(head -c 100000000 /dev/zero | tr '\\0' x); echo ${#x}",
  );
  await daily.is("one", "exited");
  assert((await daily.inspect("one")).State.OOMKilled);
});

test("the OCI runtime's commands see containers of run --detach", async () => {
  await using daily = new Daily();
  const id = await daily.run("--name", "one", "sleep", "1000");
  assertEquals(JSON.parse(await daily.does("state", "one")).status, "running");
  assertStringIncludes(await daily.does("list"), id);
  assertEquals(
    JSON.parse(await daily.does("ps", "--format", "json", "one")).length,
    1,
  );
  await daily.does("delete", "--force", id);
  assertEquals(daily.left(), []);
});

test("prune removes only containers that have ended", async () => {
  await using daily = new Daily();
  const runs = await daily.run("--name", "runs", "sleep", "1000");
  const done = await daily.run("--name", "done", "-l", "kind=old", "true");
  const other = await daily.run("--name", "other", "true");
  await daily.is("done", "exited");
  await daily.is("other", "exited");
  assertEquals(
    await daily.does("prune", "-f", "--filter", "label=kind=old"),
    `${done}\n`,
  );
  assertEquals(JSON.parse(await daily.does("prune", "--format", "json")), [
    other,
  ]);
  assertEquals(await daily.does("ps", "-aq", "--no-trunc"), `${runs}\n`);
});

test("stop, remove and start at once leave a container whole or gone", async () => {
  await using daily = new Daily();
  await daily.run("--name", "one", "--restart", "always", "sleep", "0.05");
  const calls = ["stop", "start", "restart", "kill", "stop"].map((command) =>
    daily.call(command, "one")
  );
  for (const { stderr } of await Promise.all(calls)) {
    assert(!/ {4}at |TypeError/.test(stderr), stderr);
  }
  const [program, ...words] = CONTAINER;
  const removes = [1, 2, 3].map(() =>
    new Deno.Command(program!, {
      args: [...words, "--root", daily.root, "rm", "-f", "one"],
    }).output()
  );
  for (const { stderr } of await Promise.all(removes)) {
    assert(!/ {4}at |TypeError/.test(decode(stderr)), decode(stderr));
  }
  assertEquals(daily.left(), []);
});

test("stop, kill, start, rm and top have --quiet, wait and port have --format json", async () => {
  await using daily = new Daily();
  const id = await daily.run("--name", "one", "sleep", "1000");
  assertEquals(await daily.does("port", "--format", "json", "one"), "{}\n");
  assertMatch(await daily.does("top", "--quiet", "one"), /^\d+\n$/);
  assertEquals(await daily.does("kill", "--quiet", "one"), "");
  assertEquals(
    JSON.parse(await daily.does("wait", "--format", "json", "one")),
    [{ id, exitCode: 137 }],
  );
  assertEquals(await daily.does("start", "-q", "one"), "");
  assertEquals(await daily.does("restart", "-q", "-t", "0", "one"), "");
  assertEquals(await daily.does("stop", "--quiet", "-t", "0", "one"), "");
  assertEquals(await daily.does("rm", "-q", "one"), "");
});

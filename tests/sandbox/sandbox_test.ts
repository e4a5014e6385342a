/** Sandboxes as root: their commands, shell and environment. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  CommandError,
  KillController,
  OptionError,
  SandboxCommandError,
  StepError,
} from "../../mod.ts";
import { create, test } from "./_sandbox.ts";

const text = (bytes: string) => new TextEncoder().encode(bytes);

test("spawn() gives streams, status and output of many commands", async () => {
  await using sandbox = await create({ hostname: "box" });
  const cat = await sandbox.spawn("cat", { stdin: "piped", stdout: "piped" });
  const writer = cat.stdin!.getWriter();
  await writer.write(text("hello\n"));
  await writer.close();
  const { status, stdoutText, stderrText } = await cat.output();
  assertEquals(status, { success: true, code: 0, signal: null, oom: false });
  assertEquals([stdoutText, stderrText], ["hello\n", null]);
  const silent = await sandbox.spawn("sh", {
    args: ["-c", "wc -c; hostname; pwd; echo $A $B; exit 3"],
    env: { A: "a b", B: "c" },
    cwd: "/tmp",
    stdout: "piped",
  });
  const output = await silent.output();
  assertEquals(output.stdoutText, "0\nbox\n/tmp\na b c\n");
  assertEquals([output.status.code, output.status.success], [3, false]);
  const clear = await sandbox.spawn("env", {
    ...{ clearEnv: true, env: { PATH: "/bin", X: "y" } },
    stdout: "piped",
  });
  assertEquals((await clear.output()).stdoutText, "PATH=/bin\nX=y\n");
});

test("a command that cannot be executed rejects", async () => {
  await using sandbox = await create();
  const { message, status } = await assertRejects(
    () => sandbox.spawn("nosuch"),
    CommandError,
  );
  assertMatch(message, /^Cannot run nosuch: not found in /);
  assertEquals(status, 127);
  const cannot = await assertRejects(
    () => sandbox.spawn("true", { cwd: "/nowhere" }),
    StepError,
  );
  assertEquals(cannot.code, "ENOENT");
  assertEquals(await sandbox.sh`echo still here`.text(), "still here\n");
});

test("sh quotes values, and its builder decides about the output", async () => {
  await using sandbox = await create();
  const odd = `a 'b' "c" $HOME \`d\` * \\ ; e`;
  assertEquals(
    await sandbox.sh`printf '%s|' ${odd} ${["x y", "", 7]} ${null}`.text(),
    `${odd}|x y||7||`,
  );
  assertEquals(await sandbox.sh`echo '{"count": 42}'`.json(), { count: 42 });
  assertEquals(await sandbox.sh`pwd`.text(), "/home/sandbox\n");
  assertEquals(
    await sandbox.sh`pwd; echo $A`.cwd("/").env("A", "b").text(),
    "/\nb\n",
  );
  const { stdoutText, stderrText } = await sandbox.sh`echo out; echo err >&2`
    .stdout("piped").stderr("piped");
  assertEquals([stdoutText, stderrText], ["out\n", "err\n"]);
  const failed = await sandbox.sh`exit 42`.noThrow();
  assertEquals([failed.status.code, failed.stdout], [42, null]);
  const error = await assertRejects(
    () => sandbox.sh`echo why >&2; echo secret; exit 9`.stderr("piped").text(),
    SandboxCommandError,
  );
  assertEquals(error.code, 9);
  assertEquals(error.message, "Command failed with exit code 9\nwhy\n");
  await assertRejects(async () => await sandbox.sh`echo ${{}}`, TypeError);
});

test("commands have no rights, and sudo those of a container's root", async () => {
  await using sandbox = await create();
  const show =
    "id -u; grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status";
  assertEquals(
    await sandbox.sh`sh -c ${show}`.text(),
    "1000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n",
  );
  assertEquals(
    await sandbox.sh`sh -c ${show}`.sudo().text(),
    "0\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nNoNewPrivs:\t1\nSeccomp:\t2\n",
  );
});

test("changes stay in the sandbox until it ends", async () => {
  await using one = await create();
  await using other = await create();
  await one.sh`echo mine > file; echo more > /tmp/file; ls file`.stdout("null");
  assertEquals(await one.sh`cat file /tmp/file`.text(), "mine\nmore\n");
  assertEquals(
    await other.sh`ls /tmp /home/sandbox`.text(),
    "/home/sandbox:\n\n/tmp:\n",
  );
});

test("env applies to the commands that start later", async () => {
  await using sandbox = await create({ env: { FIRST: "1" } });
  await sandbox.env.set("SECOND", "a b=c");
  assertEquals(await sandbox.env.get("FIRST"), "1");
  assertEquals(await sandbox.sh`echo "$FIRST $SECOND"`.text(), "1 a b=c\n");
  await sandbox.env.delete("FIRST");
  assertEquals(await sandbox.env.get("FIRST"), undefined);
  assertEquals((await sandbox.env.toObject()).SECOND, "a b=c");
  assertEquals(await sandbox.sh`echo "$FIRST"`.text(), "\n");
  for (const name of ["", "A=B", "A\0"]) {
    await assertRejects(() => sandbox.env.set(name, ""), OptionError);
  }
});

test("signals reach commands: kill(), abort and KillController", async () => {
  await using sandbox = await create();
  const sleep = await sandbox.spawn("sleep", { args: ["100"] });
  const told = Promise.withResolvers<void>();
  sleep.addEventListener("exit", () => told.resolve());
  await sleep.kill();
  assertEquals(await sleep.status, {
    ...{ success: false, code: 143, signal: "SIGTERM", oom: false },
  });
  await told.promise;
  await sleep.kill("SIGKILL");
  const aborted = await sandbox.spawn("sleep", {
    args: ["100"],
    signal: AbortSignal.timeout(10),
  });
  assertEquals((await aborted.status).signal, "SIGTERM");
  const controller = new KillController();
  const command = sandbox.sh`exec sleep 100`.noThrow().signal(
    controller.signal,
  );
  const child = await command.spawn();
  controller.kill("SIGKILL");
  assertEquals((await child.output()).status.code, 137);
  assertEquals((await command).status.code, 137, "it does not start any more");
  const trap = await sandbox.spawn("sh", {
    args: [
      "-c",
      "trap 'echo got; exit 5' USR1; echo ready; while :; do sleep 0.01; done",
    ],
    stdout: "piped",
  });
  const reader = trap.stdout!.getReader();
  await reader.read();
  await trap.kill("SIGUSR1");
  assertEquals((await trap.status).code, 5);
  await reader.cancel();
});

test("disposing of a command kills it", async () => {
  await using sandbox = await create();
  {
    await using _ = await sandbox.spawn("sleep", {
      args: ["100"],
      stdin: "piped",
    });
  }
  assertEquals(
    await sandbox.sh`ps -o comm | grep -c sleep`.noThrow().text(),
    "0\n",
  );
});

test("orphans are reaped", async () => {
  await using sandbox = await create();
  await sandbox.sh`for i in 1 2 3 4 5; do (sleep 0.01 &) ; done; sleep 0.1`;
  const states = await sandbox.sh`grep -h ^State: /proc/[0-9]*/status`.text();
  assertEquals(states.includes("zombie"), false, states);
});

/** The exit status of `run`. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { container, NO_INIT, runShell, test, testBoth } from "../_harness.ts";
import { descendants } from "../_host.ts";

for (const status of [0, 1, 2, 3, 42, 124, 125, 126, 127, 128, 130, 254, 255]) {
  testBoth(`run exits ${status} if the command does`, async (mode) => {
    const result = await mode.runShell(`exit ${status}`);
    assertEquals(result.status, status);
    assertEquals(result.stderr, "");
  });
}

// Signals that end a process by default; a busybox shell ignores SIGQUIT.
const DEADLY = {
  HUP: 1,
  INT: 2,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  XCPU: 24,
  SYS: 31,
};

for (const [name, number] of Object.entries(DEADLY)) {
  test(`run returns ${128 + number} for a command killed by SIG${name}`, async () => {
    const { status, stderr } = await runShell(`kill -${name} $$`);
    assertEquals(status, 128 + number);
    assertEquals(stderr, "");
  });
}

// PID 1 has no default actions, pid_namespaces(7): a signal without a handler
// is dropped, whether it comes from inside or from the host, except for SIGKILL
// and SIGSTOP from the host. docker without --init behaves the same.
test("--no-init: signals that the command sends to itself do nothing, including fatal ones", async () => {
  // Not INT: busybox's shell handles it and ends.
  const all = [...Object.keys(DEADLY), "STOP", "37"].filter((name) =>
    name !== "INT"
  );
  const { status, stdout, stderr } = await NO_INIT.runShell(
    `for s in ${all.join(" ")}; do kill -$s $$; done; echo alive; exit 9`,
  );
  assertEquals([status, stdout, stderr], [9, "alive\n", ""]);
});

test("--no-init: a signal that the command handles arrives", async () => {
  const { status, stdout } = await NO_INIT.runShell(
    "trap 'echo term' TERM; kill -TERM $$; exit 3",
  );
  assertEquals([status, stdout], [3, "term\n"]);
});

test("--no-init: a child of the command can be killed by a signal as usual", async () => {
  const { status } = await NO_INIT.runShell("sh -c 'kill -TERM $$'; exit $?");
  assertEquals(status, 143);
});

test("--no-init: SIGKILL from the host gives 137", async () => {
  await using session = NO_INIT.startRun("sh", "-c", "echo ready; read line");
  await session.expect(/ready\n/);
  const [command] = descendants(session.pid);
  Deno.kill(command!.pid, "SIGKILL");
  assertEquals(await session.end(), 137);
});

test("run returns 128 and the number for a command killed by a real-time signal", async () => {
  assertEquals((await runShell("kill -37 $$")).status, 165);
});

testBoth("run returns 127 if the command is not found", async (mode) => {
  assertEquals((await mode.run(["no-such-command"])).status, 127);
  assertEquals((await mode.run(["/bin/no-such-command"])).status, 127);
  assertEquals((await mode.run(["/no/such/directory/command"])).status, 127);
});

testBoth("run returns 126 if the command cannot be executed", async (mode) => {
  assertEquals((await mode.run(["/bin"])).status, 126);
});

testBoth("run returns 125 if the program itself fails", async (mode) => {
  const { status } = await mode.run(["--rootfs", "/nowhere", "true"]);
  assertEquals(status, 125);
  assertEquals((await mode.run(["-w", "/nowhere", "true"])).status, 125);
});

test("run returns 125 for a usage error", async () => {
  assertEquals(
    (await container(["run", "--no-such-flag", "true"])).status,
    125,
  );
  assertEquals((await container(["rnu"])).status, 125);
});

testBoth("run ends processes that the command leaves running", async (mode) => {
  const { status } = await mode.runShell(
    "sleep 1000 & (sleep 1000 & sleep 1000 &) ; nohup sleep 1000 >/dev/null 2>&1 & exit 7",
  );
  assertEquals(status, 7);
});

testBoth(
  "run ends a process that ignores every signal and holds the output open",
  async (mode) => {
    const { status, stdout } = await mode.runShell(
      "(trap '' HUP INT TERM QUIT; while :; do sleep 1000; done) & echo out; exit 3",
    );
    assertEquals([status, stdout], [3, "out\n"]);
  },
);

test("PID 1 reaps every orphan while the command runs", async () => {
  const { status, stdout } = await runShell(`
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
      (true & true & sleep 0.01 &)
    done
    tries=0
    while grep -qs '^State:.Z' /proc/[0-9]*/status || pidof sleep >/dev/null; do
      tries=$((tries + 1))
      [ $tries -lt 200 ] || { echo zombies; exit 1; }
      sleep 0.05
    done
    echo clean
  `);
  assertEquals([status, stdout], [0, "clean\n"]);
});

testBoth(
  "run ignores the status of an orphan",
  async (mode) => {
    const { status } = await mode.runShell(
      "(sh -c 'exit 9' & sh -c 'kill -SEGV $$' &) ; sleep 0.2; exit 4",
    );
    assertEquals(status, 4);
  },
);

testBoth(
  "a process inside can continue a command that has stopped itself",
  async (mode) => {
    const { status } = await mode.runShell(
      "me=$$; (sleep 0.3; kill -CONT $me) & kill -STOP $me; exit 6",
    );
    assertEquals(status, 6);
  },
);

test("--version returns status 0", async () => {
  const { status, stdout, stderr } = await container(["--version"]);
  assertEquals([status, stderr], [0, ""]);
  assertMatch(stdout, /^container version \d+\.\d+\.\d+\n$/);
});

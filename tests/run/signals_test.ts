/** Signals to the program reach the command, and a kill leaves nothing behind. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertNotEquals } from "@std/assert";
import { commandOf, descendants } from "../_host.ts";
import {
  NO_INIT,
  quote,
  runWords,
  shellLine,
  startRun,
  test,
  testBoth,
  until,
  without,
} from "../_harness.ts";
import { Session } from "../_session.ts";

/** The command's processes on the host: those below PID 1 of the container. */
function commands(session: Session): number[] {
  const [child] = descendants(session.pid);
  return descendants(child!.pid).map(({ pid }) => pid);
}

for (
  const [signal, status] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
    ["SIGQUIT", 131],
    ["SIGUSR1", 138],
    ["SIGUSR2", 140],
  ] as const
) {
  test(`${signal} ends a command that does not handle it: ${status}`, async () => {
    await using session = startRun("sleep", "1000");
    await until(
      "it runs",
      () =>
        descendants(session.pid).some(({ pid }) =>
          commandOf(pid) === "sleep 1000 "
        ),
    );
    session.kill(signal);
    assertEquals(await session.end(), status);
    assertEquals(session.output, "");
  });
}

// PID 1 has no default actions, pid_namespaces(7), not even for signals from
// the host, except for SIGKILL and SIGSTOP. docker without --init behaves the
// same.
test("--no-init: a signal does not end a command that does not handle it", async () => {
  await using session = NO_INIT.startRun(
    ...["sh", "-c", "echo ready; read x; exit 6"],
  );
  await session.expect(/ready\n/);
  for (const signal of ["SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1"] as const) {
    session.kill(signal);
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
  await session.send("\n");
  assertEquals(await session.end(), 6);
});

test("--no-init: SIGKILL to the parent ends the command and everything in the container", async () => {
  await using session = NO_INIT.startRun(
    ...["sh", "-c", "(setsid sleep 1000 &) ; echo ready; sleep 1000"],
  );
  await session.expect(/ready\n/);
  const all = descendants(session.pid);
  assertNotEquals(all.length, 0);
  session.kill("SIGKILL");
  assertEquals(await session.end(), 137);
});

testBoth(
  "SIGTERM lets a command that handles it choose its status",
  async (mode) => {
    await using session = mode.startRun(
      "sh",
      "-c",
      "trap 'echo bye; exit 9' TERM; echo ready; while :; do sleep 0.05; done",
    );
    await session.expect(/ready\n/);
    session.kill("SIGTERM");
    assertEquals(await session.end(), 9);
    assertEquals(session.output, "ready\nbye\n");
  },
);

test("SIGTSTP stops the command and SIGCONT continues it", async () => {
  await using session = startRun(
    "sh",
    "-c",
    "echo ready; while :; do sleep 0.05; [ -e /proc/self/stat ] || exit; read -t 1 line && break; done; echo $line",
  );
  await session.expect(/ready\n/);
  const [command] = commands(session);
  session.kill("SIGTSTP");
  await until("the command stops", () => state(command!) === "T");
  await until("the parent stops with it", () => state(session.pid) === "T");
  session.kill("SIGCONT");
  await until("the parent goes on", () => state(session.pid) !== "T");
  await until("the command goes on", () => state(command!) !== "T");
  await session.send("done\n");
  await session.expect(/done\n/);
  assertEquals(await session.end(), 0);
});

testBoth(
  "SIGCONT right after SIGTSTP leaves the container running",
  async (mode) => {
    await using session = mode.startRun(
      ...["sh", "-c", "echo ready; while read line; do echo $line; done"],
    );
    await session.expect(/ready\n/);
    for (let turn = 0; turn < 10; turn++) {
      session.kill("SIGTSTP");
      session.kill("SIGCONT");
      await session.send(`turn ${turn}\n`);
      await session.expect(new RegExp(`turn ${turn}\n`));
      // A stop that comes late comes within this time.
      await new Promise((resolve) => setTimeout(resolve, 100));
      assertNotEquals(state(session.pid), "T", `turn ${turn}`);
    }
  },
);

function state(pid: number): string | undefined {
  return Deno.readTextFileSync(`/proc/${pid}/status`)
    .match(/^State:\s+(\S)/m)?.[1];
}

test("SIGKILL to the parent of a stopped container leaves nothing", async () => {
  await using session = startRun("sh", "-c", "echo ready; sleep 1000; true");
  await session.expect(/ready\n/);
  const [command] = commands(session);
  session.kill("SIGTSTP");
  await until("the command stops", () => state(command!) === "T");
  session.kill("SIGKILL");
  assertEquals(await session.end(), 137);
});

testBoth(
  "run keeps the signals ignored that the caller ignores, as under nohup",
  async (mode) => {
    await using session = new Session([
      "sh",
      "-c",
      `trap '' HUP; exec ${
        shellLine(
          mode.runWords("-q", "sh", "-c", "echo ready; read line; echo $line"),
        )
      }`,
    ]);
    await session.expect(/ready\n/);
    session.kill("SIGHUP");
    await session.send("alive\n");
    await session.expect(/alive\n/);
    assertEquals(await session.end(), 0);
  },
);

testBoth(
  "run starts the command with no signal blocked, caught or ignored",
  async (mode) => {
    await using session = mode.startRun(
      "grep",
      "^Sig[BIC]",
      "/proc/self/status",
    );
    assertEquals(await session.end(), 0);
    const sets = Object.fromEntries(
      session.output.trim().split("\n").map((line) => line.split(":\t")),
    );
    const none = "0".repeat(16);
    assertEquals(sets, { SigBlk: none, SigIgn: none, SigCgt: none });
  },
);

testBoth(
  "run reports the command's status to a caller that ignores SIGCHLD",
  async (mode) => {
    const { status, stderr } = await mode.runShell("exit 7", {
      before: ["env", "--ignore-signal=CHLD"],
    });
    assertEquals([status, stderr], [7, ""]);
  },
);

test(
  "SIGINT reaches a command that a shell starts in the background",
  async () => {
    const inside = "trap 'echo int; exit 3' INT; kill -INT $$; sleep 1000";
    const line = shellLine(runWords("-q", "sh", "-c", inside));
    await using session = new Session(["sh", "-c", `${line} & wait $!`]);
    await session.expect(/int\n/);
    assertEquals(await session.end(), 3);
  },
);

test("SIGPIPE ends a command as on the host", async () => {
  await using session = startRun("sh", "-c", "yes | head -n 1; echo end");
  assertEquals(await session.end(), 0);
  assertEquals(session.output, "y\nend\n");
});

test("SIGKILL to the parent ends the container with everything in it", async () => {
  await using session = startRun(
    "sh",
    "-c",
    "trap '' TERM HUP INT; (setsid sleep 1000 &) ; sleep 1000 & echo ready; sleep 1000",
  );
  await session.expect(/ready\n/);
  const all = descendants(session.pid);
  assertNotEquals(all.length, 0);
  session.kill("SIGKILL");
  assertEquals(await session.end(), 137);
  await until("every process is gone", () =>
    all.every(({ pid, start }) => {
      const now = descendants(Deno.pid).find((process) => process.pid === pid);
      return !now || now.start !== start || now.state === "Z";
    }));
});

test("SIGKILL to PID 1 from the host ends the container with 137", async () => {
  await using session = startRun("sh", "-c", "echo ready; sleep 1000");
  await session.expect(/ready\n/);
  const [child] = descendants(session.pid);
  Deno.kill(child!.pid, "SIGKILL");
  assertEquals(await session.end(), 137);
});

test("SIGKILL to the command from the host ends the container with 137", async () => {
  await using session = startRun("sh", "-c", "echo ready; read line");
  await session.expect(/ready\n/);
  Deno.kill(commands(session)[0]!, "SIGKILL");
  assertEquals(await session.end(), 137);
});

// From before Deno has started until well into the command's life.
const MOMENTS = [0, 10, 20, 30, 40, 55, 70, 85, 100, 200];

for (const signal of ["SIGKILL", "SIGTERM", "SIGINT"] as const) {
  testBoth(
    `${signal} to the parent at ten moments of its start leaves nothing`,
    async (mode) => {
      for (const moment of MOMENTS) {
        await using session = mode.startRun(
          "sh",
          "-c",
          "sleep 1000 & sleep 1000",
        );
        await new Promise((resolve) => setTimeout(resolve, moment));
        session.kill(signal);
        // A command that is PID 1 and does not handle the signal goes on.
        if (!mode.init) session.kill("SIGKILL");
        assertNotEquals(await session.end(), 0, `after ${moment} ms`);
      }
    },
  );
}

test(
  "SIGKILL to the parent between the clone and the death signal leaves nothing",
  async () => {
    // The new process is delayed at these calls.
    for (const call of ["setpgid", "prctl"]) {
      await using session = new Session([
        "strace",
        "-f",
        "-o",
        "/dev/null",
        "-e",
        `inject=${call}:delay_enter=300000`,
        ...runWords("-q", "sleep", "1000"),
      ]);
      await until(
        "the walker",
        () => descendants(session.pid).some(({ pid }) => inPidNamespace(pid)),
      );
      for (const { pid } of descendants(session.pid)) {
        if (!inPidNamespace(pid)) {
          kill(pid);
        }
      }
      await session.end();
    }
  },
  { skip: without("strace") },
);

function inPidNamespace(pid: number): boolean {
  try {
    return Deno.readLinkSync(`/proc/${pid}/ns/pid`) !==
      Deno.readLinkSync("/proc/self/ns/pid");
  } catch {
    return false;
  }
}

function kill(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

test("run survives many signals in quick succession", async () => {
  await using session = startRun(
    "sh",
    "-c",
    `trap : USR1 USR2 WINCH; echo ready; while :; do read -t 1 line && exit 8; done`,
  );
  await session.expect(/ready\n/);
  for (let i = 0; i < 200; i++) {
    session.kill((["SIGUSR1", "SIGUSR2", "SIGWINCH"] as const)[i % 3]!);
  }
  await session.send("end\n");
  assertEquals(await session.end(), 8);
});

test("a shell's kill of a background job reaches the command", async () => {
  const line = shellLine(
    runWords(
      "-q",
      "sh",
      "-c",
      "trap 'exit 11' TERM; echo ready; while :; do sleep 0.05; done",
    ),
  );
  await using session = new Session([
    "sh",
    "-c",
    `${line} & read x; kill $!; wait $!; echo ${quote("status")} $?`,
  ]);
  await session.expect(/ready\n/);
  await session.send("\n");
  await session.expect(/status 11\n/);
  assertEquals(await session.end(), 0);
});

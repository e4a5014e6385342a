/**
 * launch/native/pid_one.h by itself: what it does with a handover, which
 * messages it sends, and which signals it forwards. Its failures are in
 * pid_one_failure_test.ts.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
// @ts-types="../../types/std_fs.d.ts"
import { existsSync } from "@std/fs";
import {
  duplicateUp,
  emptyMemoryFile,
  moveUp,
  O,
  open,
} from "../../ffi/fcntl.ts";
import { kill, queueSignal, SIGNAL } from "../../ffi/signal.ts";
import type { Instruction } from "../../launch/bytecode/call.ts";
import { SIGNAL_FOREGROUND } from "../../launch/handover.ts";
import { DESCRIPTOR } from "../../launch/lower/descriptors.ts";
import { NEWS } from "../../launch/lower/news.ts";
import { signalNumbers } from "../../launch/lower/signal_numbers.ts";
import { FORWARDED, TAKEN_BY_CHILD } from "../../plan/child.ts";
import { execute, TempDir, test, until } from "../_harness.ts";
import { descendants } from "../_host.ts";
import {
  BLOCK,
  buildProgram,
  executing,
  handover,
  NO_PROGRAM,
  PidOne,
  say,
  shell,
  started,
} from "./_pid_one.ts";

const skip = NO_PROGRAM;

/** The setting came with Linux 6.3. */
const NO_MEMFD_SCOPE = existsSync("/proc/sys/vm/memfd_noexec")
  ? null
  : "this kernel cannot forbid executable memory files";

/** A line of the shell that leads its process group, as every command does. */
const leading = (line: string): readonly Instruction[] => [
  { name: "setpgid", args: [0, 0] },
  ...shell(line),
];

/**
 * Signals that a shell needs itself, that stop it, or that its libc does not
 * let it trap.
 */
const NEEDED: readonly number[] = [
  SIGNAL.SIGCHLD,
  SIGNAL.SIGTSTP,
  SIGNAL.SIGTTIN,
  SIGNAL.SIGTTOU,
  ...[32, 33],
];

test(
  "PID 1 carries out the phases around the command, and ends with its status",
  async () => {
    await using dir = new TempDir();
    await using one = await started(dir, {
      container: [...BLOCK, say("container\n")],
      process: shell("echo command; exit 7"),
      cleanup: [say("cleanup\n")],
    });
    assertEquals((await one.message())?.byte, NEWS.running);
    assertEquals(await one.message(), null);
    assertEquals(await one.end(), 7);
    assertEquals(one.output, "container\ncommand\ncleanup\n");
  },
  { skip },
);

test(
  "PID 1 reports a signal that killed the command as a shell does",
  async () => {
    await using dir = new TempDir();
    await using one = await started(dir, { process: shell("kill -KILL $$") });
    assertEquals(await one.end(), 128 + SIGNAL.SIGKILL);
  },
  { skip },
);

test(
  "PID 1 kills what the command leaves running, before the cleanup",
  async () => {
    await using dir = new TempDir();
    await using one = await started(dir, {
      process: shell("sleep 1000 & (sleep 1000 &) ; exit 0"),
      cleanup: [say("cleanup\n")],
    });
    assertEquals(await one.end(), 0);
    assertEquals(one.output, "cleanup\n");
    assertEquals(descendants(one.pid), []);
  },
  { skip },
);

test("PID 1 reaps orphans while the command runs", async () => {
  await using dir = new TempDir();
  await using one = await started(dir, {
    process: shell(
      "(sh -c 'echo orphan' &); read line < /dev/zero; sleep 1000",
    ),
  });
  await one.says("orphan");
  await until(
    "the orphan is reaped",
    () => !descendants(one.pid).some(({ state }) => state === "Z"),
  );
}, { skip });

test(
  "PID 1 starts the command where executable memory files are forbidden",
  async () => {
    await using dir = new TempDir();
    const program = await buildProgram(dir);
    const bytes = handover({ process: shell("echo hi; ls /proc/self/fd") });
    const forbid = 'echo 2 > /proc/sys/vm/memfd_noexec && exec "$@"';
    await using one = await PidOne.start(program, bytes, {}, [
      ...["sh", "-c", forbid, "sh"],
    ]);
    one.release();
    assertEquals(await one.end(), 0);
    assertStringIncludes(one.output, "hi\n");
  },
  { skip: skip ?? NO_MEMFD_SCOPE },
);

test("PID 1 reads programs of any size", async () => {
  await using dir = new TempDir();
  const long = "x".repeat(1 << 20);
  await using one = await started(dir, {
    container: [...BLOCK, say(long)],
    process: executing("/bin/true"),
  });
  assertEquals(await one.end(), 0);
  assertEquals(one.output.length, long.length);
}, { skip });

test(
  "PID 1 forwards the signals of plan/child.ts to the command, and no other",
  async () => {
    await using dir = new TempDir();
    const sent = signalNumbers(TAKEN_BY_CHILD).filter((signal) =>
      !NEEDED.includes(signal)
    );
    const traps = sent.map((signal) => `trap 'echo ${signal}.' ${signal}`)
      .join("; ");
    await using one = await started(dir, {
      process: leading(`${traps}; echo ready; while :; do sleep 0.02; done`),
    });
    await one.says("ready");
    for (const signal of sent) kill(one.pid, signal);
    const expected = signalNumbers(FORWARDED).filter((signal) =>
      !NEEDED.includes(signal)
    );
    for (const signal of expected) await one.says(`${signal}.\n`);
    const told = one.output.match(/\d+(?=\.)/g) ?? [];
    assertEquals(new Set(told.map(Number)), new Set(expected));
  },
  { skip },
);

test("PID 1 tells that the command has stopped, and continues it", async () => {
  await using dir = new TempDir();
  await using one = await started(dir, {
    process: leading("echo ready; kill -STOP $$; echo continued"),
  });
  assertEquals((await one.message())?.byte, NEWS.running);
  assertEquals((await one.message())?.byte, NEWS.stopped);
  // Without a terminal, this changes nothing.
  queueSignal(one.pid, SIGNAL_FOREGROUND);
  kill(one.pid, SIGNAL.SIGCONT);
  assertEquals(await one.end(), 0);
  assertEquals(one.output, "ready\ncontinued\n");
}, { skip });

test(
  "PID 1 keeps only the descriptors that it needs, and hands the others on",
  async () => {
    await using dir = new TempDir();
    using held = new DisposableStack();
    const file = (name: string) => held.use(moveUp(emptyMemoryFile(name)));
    const self = held.use(moveUp(open("/proc/self/exe", O.O_PATH)));
    await using one = await started(dir, {
      preserve: 1,
      cgroups: 2,
      process: shell("ls -l /proc/self/fd; echo ready; sleep 1000"),
    }, {
      [DESCRIPTOR.self]: self,
      [DESCRIPTOR.cgroups]: file("first"),
      [DESCRIPTOR.cgroups + 1]: file("second"),
      [DESCRIPTOR.preserved]: held.use(duplicateUp(file("kept").fd)),
    });
    await one.says("ready");
    const open_ = (output: string) =>
      [...output.matchAll(/(\d+) -> (\S+)/g)].map(([, fd, to]) =>
        `${fd} ${to!.replace(/:\[\d+\]/, "")}`
      );
    const inside = open_(one.output);
    for (
      const wanted of [
        `${DESCRIPTOR.status} socket`,
        `${DESCRIPTOR.cgroups} /memfd:first`,
        `${DESCRIPTOR.cgroups + 1} /memfd:second`,
        `${DESCRIPTOR.preserved} /memfd:kept`,
      ]
    ) assertEquals(inside.filter((line) => line === wanted), [wanted]);
    const { stdout } = await execute(["ls", "-l", `/proc/${one.pid}/fd`]);
    assertEquals(
      open_(stdout).filter((line) =>
        // Deno itself passes high ones on; a step of the launch closes them.
        !/^([012]|\d{3}) /.test(line)
      ),
      [`${DESCRIPTOR.status} socket`, `${DESCRIPTOR.lifeline} pipe`],
    );
  },
  { skip },
);

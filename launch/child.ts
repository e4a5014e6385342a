/**
 * The child: our executable as PID 1 of the container, inside its new
 * namespaces. The compiled program has launch/native/pid_one.h in its place,
 * which does the same with the same bytes.
 *
 * It carries out the container phase of the plan, has the walker start the
 * user's command, and then stays. It reaps orphans, forwards signals, and ends
 * the container when the command ends. Everything is synchronous and on the
 * main thread, because Deno's other threads are still in the host's UTS and IPC
 * namespaces.
 */

import { type Descriptor, duplicateUp } from "../ffi/fcntl.ts";
import { rawSyscall, syscall } from "../ffi/libc.ts";
import { kill, SIGNAL, sigset, waitForSignal } from "../ffi/signal.ts";
import { openSpawn } from "../ffi/spawn.ts";
import { setForegroundGroup } from "../ffi/termios.ts";
import {
  exitCode,
  wait,
  type WaitStatus,
  WNOHANG,
  WUNTRACED,
} from "../ffi/wait.ts";
import { FORWARDED, TAKEN_BY_CHILD } from "../plan/child.ts";
import { checkStarted, INSIDE } from "./diagnose.ts";
import { type Received, SIGNAL_FOREGROUND } from "./handover.ts";
import { NEWS } from "./lower/news.ts";
import { DESCRIPTOR } from "./lower/descriptors.ts";
import { perform } from "./perform.ts";
import { signalNumbers } from "./lower/signal_numbers.ts";
import { openProc, openWalker, type Walk, walk } from "./walker.ts";

const STDIN = 0;

const CLOSE_ON_EXEC = 4;

/** Runs the container until it ends; returns the exit status. */
export function runChild(received: Received): number {
  const { programs, steps } = received;
  syscall("close_range", DESCRIPTOR.plan, DESCRIPTOR.lifeline, CLOSE_ON_EXEC);
  const { cgroups } = received;
  const lastCgroup = DESCRIPTOR.cgroups + cgroups - 1;
  if (cgroups) {
    syscall("close_range", DESCRIPTOR.cgroups, lastCgroup, CLOSE_ON_EXEC);
  }
  // Both need the host's files, which disappear when the root changes.
  openSpawn();
  openWalker();
  perform(programs.container, () => steps("container"));
  try {
    using command = startCommand(received);
    // A process that may trace PID 1 (--privileged) could use these descriptors
    // to reach the host's files.
    if (cgroups) syscall("close_range", DESCRIPTOR.cgroups, lastCgroup, 0);
    if (received.preserve) {
      const lastKept = DESCRIPTOR.preserved + received.preserve - 1;
      syscall("close_range", DESCRIPTOR.preserved, lastKept, 0);
    }
    tell(NEWS.running);
    const status = attend(command.pid);
    checkStarted(command, INSIDE);
    return exitCode(status);
  } finally {
    // PID 1 is inside the pid namespace: -1 means every process of the
    // container and no other.
    kill(-1, SIGNAL.SIGKILL);
    while (wait(-1));
    perform(programs.cleanup, () => steps("cleanup"));
  }
}

function startCommand(received: Received): Walk {
  const { programs, steps } = received;
  using proc = openProc();
  const fds = handOn(received);
  using _copies = disposeAll(Object.values(fds));
  return walk(programs.process, () => steps("process"), {
    fds,
    proc,
  });
}

/**
 * Duplicates what the command's walker inherits: the status socket, the
 * command's cgroup files, and the descriptors that the command keeps.
 */
function handOn(
  { preserve, cgroups }: Received,
): Record<number, Descriptor> {
  const range = (from: number, count: number) =>
    Array.from({ length: count }, (_, index) => from + index);
  const numbers = [
    DESCRIPTOR.status,
    ...range(DESCRIPTOR.cgroups, cgroups),
    ...range(DESCRIPTOR.preserved, preserve),
  ];
  return Object.fromEntries(
    numbers.map((fd) => [fd, duplicateUp(fd)]),
  );
}

function disposeAll(all: readonly Disposable[]): DisposableStack {
  const stack = new DisposableStack();
  for (const one of all) stack.use(one);
  return stack;
}

/**
 * Sends one byte to the parent. Errors are ignored: if the parent is gone, its
 * end stops the container anyway.
 */
function tell(news: number): void {
  rawSyscall("write", DESCRIPTOR.status, new Uint8Array([news]), 1);
}

/** Handles signals as PID 1 until the command has ended. */
function attend(command: number): WaitStatus {
  const taken = sigset(signalNumbers(TAKEN_BY_CHILD));
  const forwarded = new Set<number>(
    signalNumbers(FORWARDED),
  );
  for (;;) {
    const { signal, queued } = waitForSignal(taken);
    if (signal === SIGNAL.SIGCHLD) {
      const ended = reap(command);
      if (ended) return ended;
    } else if (signal === SIGNAL_FOREGROUND && queued) {
      setForegroundGroup(STDIN, command);
    } else if (signal === SIGNAL.SIGCONT) {
      // The stop signal stopped the command's whole process group.
      kill(-command, SIGNAL.SIGCONT);
    } else if (forwarded.has(signal)) {
      kill(command, signal);
    }
  }
}

/**
 * Reaps every process that has ended; returns the command's status if the
 * command is one of them.
 */
function reap(command: number): WaitStatus | null {
  let found: WaitStatus | null = null;
  for (;;) {
    const status = wait(-1, WNOHANG | WUNTRACED);
    if (!status) return found;
    if (status.pid !== command) continue;
    if (!("stopped" in status)) found = status;
    else tell(wantsTerminal(status) ? NEWS.wantsTerminal : NEWS.stopped);
  }
}

const wantsTerminal = ({ stopped }: { stopped: number }) =>
  stopped === SIGNAL.SIGTTIN || stopped === SIGNAL.SIGTTOU;

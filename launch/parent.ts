/**
 * The parent's side of a container: starts the child, passes signals on, shares
 * the terminal, waits. Runs on the host, in the process the user started.
 */

import { type Descriptor, O, open } from "../ffi/fcntl.ts";
import { syscall } from "../ffi/libc.ts";
import {
  blockSignals,
  ignoreSignal,
  kill,
  SIGNAL,
  type SignalName,
} from "../ffi/signal.ts";
import { foregroundGroup, setForegroundGroup } from "../ffi/termios.ts";
import {
  exitCode,
  wait,
  waitInBackground,
  type WaitStatus,
  WUNTRACED,
} from "../ffi/wait.ts";
import { FORWARDED } from "../plan/child.ts";
import { type Container, startContainer } from "./container.ts";
import { checkStarted, outside } from "./diagnose.ts";
import { type Handover, NEWS, SIGNAL_FOREGROUND } from "./handover.ts";
import { RawMode, tieTerminal } from "./terminal.ts";

const STDIN = 0;

/** Our process group when it has the terminal at standard input, else null. */
export function ownForegroundGroup(): number | null {
  const group = foregroundGroup(STDIN);
  return group !== null && group === syscall("getpgid", 0) ? group : null;
}

/** What the parent does beside waiting. */
export interface ParentHooks {
  /** On the host, while PID 1 waits: ids, limits. */
  prepare(pid: number): void;
  /** The root filesystem, to look into when the command cannot be executed. */
  root: string;
  /** What hears of every system call, where the filter learns. */
  listened?: (listener: Descriptor) => void;
  /** The command runs, or is about to. */
  started(pid: number): void;
  /** The root filesystem and what is mounted on it are in their places. */
  furnished?(): void;
}

/** Starts the container and waits for its end; the status to exit with. */
export async function runParent(
  handover: Handover,
  hooks: ParentHooks,
): Promise<number> {
  using container = startContainer(handover);
  container.listened = hooks.listened;
  try {
    hooks.prepare(container.pid);
  } catch (error) {
    kill(container.pid, SIGNAL.SIGKILL);
    wait(container.pid);
    throw error;
  }
  container.begin();
  const ownTerminal = handover.plan.process.some(({ step }) =>
    step === "openTerminal"
  );
  // Begun before the command can be: a signal that comes at once is passed on,
  // and the terminal that the command takes is known to have been ours.
  const ended = ownTerminal
    ? attendWithTerminal(container)
    : attend(container, handover, hooks);
  try {
    container.release();
  } catch (error) {
    kill(container.pid, SIGNAL.SIGKILL);
    await ended;
    throw error;
  }
  hooks.started(container.pid);
  const status = await ended;
  using held = new DisposableStack();
  const root = held.use(open(hooks.root, O.O_PATH));
  checkStarted(container.walk, outside(root, held));
  return status ? exitCode(status) : 0;
}

/** Waits for a container that has a terminal of its own. */
async function attendWithTerminal(
  container: Container,
): Promise<WaitStatus | null> {
  // The size of the window goes its own way.
  forwardSignals(
    container.pid,
    FORWARDED.filter((name) => name !== "SIGWINCH"),
    () => {},
  );
  using _raw = new RawMode();
  let output: Promise<void> | undefined;
  for await (const { byte, descriptor } of container.news()) {
    if (byte === NEWS.terminal && descriptor) {
      output = tieTerminal(descriptor, () => hangUp(container.pid));
    }
  }
  const status = await waitInBackground(container.pid);
  await output;
  return status;
}

/** How long a command may take to end after its terminal did, in milliseconds. */
const AFTER_HANGUP = 2000;

/**
 * Nobody is left to look at it: it is told, as a shell tells its jobs, and
 * killed where it goes on. As PID 1 it may not even hear SIGHUP.
 */
function hangUp(pid: number): void {
  kill(pid, SIGNAL.SIGHUP);
  setTimeout(() => kill(pid, SIGNAL.SIGKILL), AFTER_HANGUP);
}

/** Waits for a container that has the terminal we have, if any. */
async function attend(
  container: Container,
  { plan, foreground }: Handover,
  hooks: ParentHooks,
): Promise<WaitStatus | null> {
  const { pid } = container;
  let group = foreground ? ownForegroundGroup() : null;
  // fg makes our group the terminal's; the command's is the one that needs it.
  const passTerminal = () => {
    const own = ownForegroundGroup();
    if (own === null || !plan.init) return;
    group = own;
    kill(pid, SIGNAL_FOREGROUND);
  };
  // Without a terminal, only who was told to stop stops: a command that stops
  // itself may continue itself, and nobody would continue us.
  let stops = foregroundGroup(STDIN) !== null;
  const passedOn = forwardSignals(pid, FORWARDED, (name) => {
    stops ||= name === "SIGTSTP";
    if (name === "SIGCONT") passTerminal();
  });
  const follow = (news: number) => {
    if (news === NEWS.running || !stops) return;
    // fg of a running job says nothing: the terminal is ours to pass by now.
    if (news === NEWS.stopped || ownForegroundGroup() === null) {
      stopWithCommand(group);
      // In the background (bg) the terminal is not ours to take.
      group = null;
      // What woke us is passed on as every signal is. A second one would undo
      // a Ctrl-Z that comes right after.
      if (passedOn.includes("SIGCONT")) return;
    }
    passTerminal();
    kill(pid, SIGNAL.SIGCONT);
  };
  for await (const { byte } of container.news()) {
    if (byte === NEWS.running) hooks.furnished?.();
    follow(byte);
  }
  hooks.furnished?.();
  const status = plan.init
    ? wait(pid)
    : await waitForCommand(pid, () => follow(NEWS.stopped));
  if (group !== null) takeTerminal(group);
  return status;
}

/** Waits for a command that is our own child, and tells when it stops. */
async function waitForCommand(
  pid: number,
  stopped: () => void,
): Promise<WaitStatus | null> {
  for (;;) {
    const status = await waitInBackground(pid, WUNTRACED);
    if (!status || !("stopped" in status)) return status;
    stopped();
  }
}

/** Passes on what is sent to us; what the caller had ignored (nohup) stays so. Returns the others. */
function forwardSignals(
  pid: number,
  names: readonly SignalName[],
  seen: (name: SignalName) => void,
): SignalName[] {
  const before = ignoredSignals();
  const ignored = (name: SignalName) =>
    Boolean(before & (1n << BigInt(SIGNAL[name] - 1)));
  for (const name of names) {
    if (ignored(name)) continue;
    Deno.addSignalListener(name, () => {
      seen(name);
      kill(pid, SIGNAL[name]);
    });
  }
  // With its first listener Deno takes over SIGHUP, SIGINT and SIGTERM too.
  for (const name of names) {
    if (ignored(name)) ignoreSignal(SIGNAL[name]);
  }
  return names.filter((name) => !ignored(name));
}

function ignoredSignals(): bigint {
  const line = Deno.readTextFileSync("/proc/self/status").match(
    /^SigIgn:\s*([0-9a-f]+)/m,
  );
  return line ? BigInt(`0x${line[1]}`) : 0n;
}

/** Makes our group the terminal's again; from the background too, hence SIGTTOU. */
function takeTerminal(group: number): void {
  blockSignals([SIGNAL.SIGTTOU]);
  setForegroundGroup(STDIN, group);
}

/**
 * The command has stopped (Ctrl-Z): we stop too, so that the user's shell takes
 * over. Returns when somebody continues us.
 */
function stopWithCommand(group: number | null): void {
  if (group !== null) takeTerminal(group);
  kill(group === null ? Deno.pid : 0, SIGNAL.SIGSTOP);
}

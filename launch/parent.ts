/**
 * The parent's side of a container: starts the child, passes signals on, shares
 * the terminal, waits. Runs on the host, in the process the user started.
 */

import {
  type Descriptor,
  moveUp,
  O,
  open,
  pipe,
  writeAll,
} from "../ffi/fcntl.ts";
import { lazily, syscall } from "../ffi/libc.ts";
import { addressOf } from "../ffi/memory.ts";
import {
  blockSignals,
  ignoreSignal,
  kill,
  SIGNAL,
  type SignalName,
} from "../ffi/signal.ts";
import { foregroundGroup, setForegroundGroup } from "../ffi/termios.ts";
import { exitCode, wait } from "../ffi/wait.ts";
import { FORWARDED } from "../plan/child.ts";
import {
  type Handover,
  NEWS,
  packHandover,
  SIGNAL_FOREGROUND,
} from "./handover.ts";
import { HANDED } from "./lower.ts";
import { clonedPid, type Walk, walk } from "./walker.ts";

const STDIN = 0;

const background = lazily(
  {
    /** ssize_t read(int, void *, size_t), on a thread that may block */
    read: {
      parameters: ["i32", "i64", "i64"],
      result: "i64",
      nonblocking: true,
    },
  } as const,
);

/** Our process group when it has the terminal at standard input, else null. */
export function ownForegroundGroup(): number | null {
  const group = foregroundGroup(STDIN);
  return group !== null && group === syscall("getpgid", 0) ? group : null;
}

/** Starts the container and waits for its end; the status to exit with. */
export async function runParent(handover: Handover): Promise<number> {
  let group = handover.foreground ? ownForegroundGroup() : null;
  using child = startChild({ ...handover, foreground: group !== null });
  // fg makes our group the terminal's; the command's is the one that needs it.
  const passTerminal = () => {
    const own = ownForegroundGroup();
    if (own === null) return;
    group = own;
    kill(child.pid, SIGNAL_FOREGROUND);
  };
  // Without a terminal, only who was told to stop stops: a command that stops
  // itself may continue itself, and nobody would continue us.
  let stops = foregroundGroup(STDIN) !== null;
  forwardSignals(child.pid, (name) => {
    stops ||= name === "SIGTSTP";
    if (name === "SIGCONT") passTerminal();
  });
  for await (const news of child.news()) {
    if (news === NEWS.running || !stops) continue;
    // fg of a running job says nothing: the terminal is ours to pass by now.
    if (news === NEWS.stopped || ownForegroundGroup() === null) {
      stopWithCommand(group);
      // In the background (bg) the terminal is not ours to take.
      group = null;
    }
    passTerminal();
    kill(child.pid, SIGNAL.SIGCONT);
  }
  const status = wait(child.pid);
  if (group !== null) takeTerminal(group);
  child.walk.check();
  return status ? exitCode(status) : 0;
}

/** PID 1 of a container, as its parent sees it. */
class Child implements Disposable {
  constructor(
    readonly pid: number,
    readonly walk: Walk,
    readonly status: Descriptor,
    readonly lifeline: Descriptor,
  ) {}

  /** What it tells, until it ends. */
  async *news(): AsyncGenerator<number> {
    const byte = new Uint8Array(1);
    const { read } = background();
    for (;;) {
      const count = await read(this.status.fd, addressOf(byte), 1n);
      if (count !== 1n) return;
      yield byte[0]!;
    }
  }

  [Symbol.dispose](): void {
    this.status.close();
    this.lifeline.close();
    this.walk[Symbol.dispose]();
  }
}

function startChild(handover: Handover): Child {
  using plan = moveUp(packHandover(handover));
  using self = moveUp(open("/proc/self/exe", O.O_PATH));
  const status = pipe();
  const lifeline = pipe();
  using told = moveUp(status.write);
  using held = moveUp(lifeline.read);
  const walking = walk(handover.plan.launch, {
    [HANDED.plan]: plan,
    [HANDED.status]: told,
    [HANDED.self]: self,
    [HANDED.lifeline]: held,
  });
  const pid = clonedPid(walking);
  writeAll(lifeline.write.fd, new Uint8Array(1));
  return new Child(pid, walking, status.read, lifeline.write);
}

/** Passes on what is sent to us; what the caller had ignored (nohup) stays so. */
function forwardSignals(
  pid: number,
  seen: (name: SignalName) => void,
): void {
  const before = ignoredSignals();
  const ignored = (name: SignalName) =>
    Boolean(before & (1n << BigInt(SIGNAL[name] - 1)));
  for (const name of FORWARDED) {
    if (ignored(name)) continue;
    Deno.addSignalListener(name, () => {
      seen(name);
      kill(pid, SIGNAL[name]);
    });
  }
  // With its first listener Deno takes over SIGHUP, SIGINT and SIGTERM too.
  for (const name of FORWARDED) {
    if (ignored(name)) ignoreSignal(SIGNAL[name]);
  }
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

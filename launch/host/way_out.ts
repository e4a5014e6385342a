/**
 * Starts and ends the program that is the way out of a user's network namespace.
 * Runs on the host, in the parent or in the command that cleans up.
 */

import {
  type Descriptor,
  emptyMemoryFile,
  moveUp,
  O,
  open,
  pipe,
  readAt,
} from "../../ffi/fcntl.ts";
import { variable } from "../../ffi/environment.ts";
import { syscall } from "../../ffi/libc.ts";
import { signalProcess } from "../../ffi/pidfd.ts";
import { SIGNAL } from "../../ffi/signal.ts";
import { exitCode, wait } from "../../ffi/wait.ts";
import {
  isWayOut,
  type WayOut,
  wayOutError,
  wayOutWords,
} from "../../network/rootless/way_out.ts";
import {
  namesIn,
  removeIfThere,
  textOrNull,
  writeWhole,
} from "../../network/records/files.ts";
import { defaultSignals } from "../../plan/process/process.ts";
import type { Step } from "../../plan/step.ts";
import { ContainerError, systemReason } from "../../spec/errors.ts";
import { compileSteps } from "../program.ts";
import { clonedPid, walk } from "../walker.ts";

/** Where slirp4netns says that it is ready. */
const READY = 3;
const MOST_SAID = 4096;

const why = "the program outlives this command, and its terminal";

/**
 * Starts the program for a process, and waits until the device inside has its
 * address and route.
 *
 * @throws {ContainerError} if the program ends instead
 */
export function startWayOut(wayOut: WayOut, pid: number): void {
  const { program, mark } = wayOut;
  try {
    Deno.mkdirSync(mark.replace(/\/[^/]*$/, ""), {
      recursive: true,
      mode: 0o700,
    });
    using said = moveUp(emptyMemoryFile("said"));
    const isReady = program === "pasta"
      ? startPasta(wayOut, pid, said)
      : startSlirp(wayOut, pid, said);
    if (isReady) return;
    endWayOut(mark);
    const { reason, hint } = wayOutError(wayOut, textOf(said));
    throw new ContainerError(`Cannot start ${program}: ${reason}`, { hint });
  } catch (cause) {
    if (cause instanceof ContainerError) throw cause;
    endWayOut(mark);
    throw new ContainerError(
      `Cannot start ${program}: ${systemReason(cause)}`,
      {
        hint: "Without a network (--network none) the container starts.",
        cause,
      },
    );
  }
}

/** What both begin with: Deno ignores SIGPIPE, and pasta refuses that. */
const startsOf = (wayOut: WayOut, pid: number): Step[] => [
  defaultSignals,
  {
    step: "execute",
    candidates: [wayOut.path],
    argv: wayOutWords(wayOut, { pid, ready: READY }),
    env: [`PATH=${variable("PATH") ?? "/usr/bin:/bin"}`],
    why,
    man: "execve(2)",
  },
];

/** pasta leaves a process in the background when it is ready. */
function startPasta(wayOut: WayOut, pid: number, said: Descriptor): boolean {
  const steps = startsOf(wayOut, pid);
  using none = moveUp(open("/dev/null", O.O_RDWR));
  using walking = walk(compileSteps(steps), () => steps, {
    fds: { 0: none, 1: none, 2: said },
  });
  const status = wait(walking.pid);
  walking.check();
  return status !== null && exitCode(status) === 0;
}

/** slirp4netns stays in front, so a process in between leaves it. */
function startSlirp(wayOut: WayOut, pid: number, said: Descriptor): boolean {
  const steps: Step[] = [
    { step: "clone", namespaces: [], why, man: "clone(2)" },
    { step: "makeSession", why, man: "setsid(2)" },
    ...startsOf(wayOut, pid),
  ];
  const ready = pipe();
  using ours = ready.read;
  using none = moveUp(open("/dev/null", O.O_RDWR));
  const started = () => {
    using theirs = moveUp(ready.write);
    using walking = walk(compileSteps(steps), () => steps, {
      fds: { 0: none, 1: said, 2: said, [READY]: theirs },
    });
    return clonedPid(walking);
  };
  writeWhole(wayOut.mark, String(started()));
  // Its end without a byte: the program has ended.
  return syscall("read", ours.fd, new Uint8Array(1), 1) === 1;
}

function textOf(said: Descriptor): string {
  const bytes = new Uint8Array(MOST_SAID);
  const length = readAt(said.fd, bytes, 0);
  return new TextDecoder().decode(bytes.subarray(0, length)).trim()
    .split("\n").filter((line) => !/syslog/.test(line)).join("; ");
}

/** Ends the program with this mark, if it runs. */
export function endWayOut(mark: string): void {
  const noted = textOrNull(mark);
  const found = noted === null ? find(mark) : [Number.parseInt(noted)];
  for (const pid of found) {
    if (pid > 1) {
      signalProcess(pid, SIGNAL.SIGKILL, () => has(pid, mark));
    }
  }
  removeIfThere(mark);
}

/** Whether the program with this mark runs. */
export function isRunning(mark: string): boolean {
  const noted = textOrNull(mark);
  return noted !== null && has(Number.parseInt(noted), mark);
}

/** A kill came before its PID was noted. */
const find = (mark: string): number[] =>
  namesIn("/proc").filter((name) => /^\d+$/.test(name)).map(Number)
    .filter((pid) => has(pid, mark));

function has(pid: number, mark: string): boolean {
  try {
    return isWayOut(Deno.readTextFileSync(`/proc/${pid}/cmdline`), mark);
  } catch {
    // It has ended.
    return false;
  }
}

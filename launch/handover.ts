/**
 * The messages between parent and child.
 *
 * The parent writes one memory file: the programs, which it compiles while the
 * child's runtime starts, and the steps as JSON, which the child needs only if
 * one fails. The child sends single bytes through a socket. The end of file on
 * that socket is the end of the child.
 */

import type { Descriptor } from "../ffi/fcntl.ts";
import { syscall } from "../ffi/libc.ts";
import { SIGNAL } from "../ffi/signal.ts";
import type { Plan, Step } from "../plan/step.ts";
import { UsageError } from "../spec/errors.ts";
import { DESCRIPTOR } from "./lower/descriptors.ts";
import type { Program } from "./program.ts";

/** The plan to run, and the data for the child's messages. */
export interface Handover {
  plan: Plan;
  /** The command, for the child's messages. */
  args: string[];
  /** Print `running [...] as 1`. */
  announce: boolean;
  /** Print stack traces. */
  debug: boolean;
  /** The number of descriptors, from 3 upwards, that the command keeps. */
  preserve: number;
  /** The command becomes the foreground process group of our terminal. */
  foreground: boolean;
  /**
   * Mounts made in the host phase, by the descriptor number under which PID 1
   * finds them.
   */
  mounts?: Readonly<Record<number, Descriptor>>;
  /** The command gets a terminal of its own. */
  terminal: boolean;
}

/** The phases that the child carries out. */
export const CHILD_PHASES = ["container", "process", "cleanup"] as const;
export type ChildPhase = typeof CHILD_PHASES[number];

/** The first part of the file. The steps as JSON follow, then the programs. */
export interface Front {
  version: 2;
  args: string[];
  announce: boolean;
  debug: boolean;
  preserve: number;
  /** The number of open descriptors for the command's cgroup files. */
  cgroups: number;
  stepsLength: number;
  programs: Record<
    ChildPhase,
    { length: number } & Omit<Program, "bytes">
  >;
}

/** The handover as the child reads it. */
export interface Received extends Omit<Front, "programs"> {
  programs: Record<ChildPhase, Program>;
  /** Returns the steps of a phase; parses them on demand. */
  steps(phase: ChildPhase): readonly Step[];
}

/**
 * Sent by the parent: give the terminal back to the command's process group.
 * Nothing else uses SIGSTKFLT. Its number is lower than SIGCONT's, and of two
 * pending signals the kernel delivers the lower first. A command that continues
 * before it has the terminal stops again at its next read.
 */
export const SIGNAL_FOREGROUND = SIGNAL.SIGSTKFLT;

/**
 * Waits until the parent has filled the file that the walker passed on, and
 * reads it. Runs in the child. Returns null if the parent has ended; its end is
 * about to kill this process too.
 *
 * @throws UsageError if this process was not started as the child
 */
export function takeHandover(): Received | null {
  const notTheChild = () =>
    new UsageError(
      "Cannot run `child`: only `container run` can start it",
      "Use `container run COMMAND`.",
    );
  if (Deno.pid !== 1) throw notTheChild();
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    const told = syscall("read", DESCRIPTOR.lifeline, new Uint8Array(1), 1);
    if (told === 0) return null;
    bytes = Deno.readFileSync(`/proc/self/fd/${DESCRIPTOR.plan}`);
  } catch {
    throw notTheChild();
  }
  const decoder = new TextDecoder();
  let at = 4;
  const take = (length: number) => bytes.slice(at, at += length);
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const front = JSON.parse(decoder.decode(take(length))) as Front;
  if (front.version !== 2) throw notTheChild();
  const steps = take(front.stepsLength);
  const programs = Object.fromEntries(
    CHILD_PHASES.map((phase) => {
      const { length, ...program } = front.programs[phase];
      return [phase, { bytes: take(length), ...program }];
    }),
  ) as Received["programs"];
  return {
    ...front,
    programs,
    steps: (phase) => JSON.parse(decoder.decode(steps))[phase],
  };
}

/**
 * What the parent tells the child and the child tells the parent.
 *
 * Down goes one memory file: what is to be run, compiled while the child's
 * runtime starts, and the steps in words for when one fails. Up come single
 * bytes
 * through a socket, whose end of file is the child's.
 */

import type { Descriptor } from "../ffi/fcntl.ts";
import { syscall } from "../ffi/libc.ts";
import { SIGNAL } from "../ffi/signal.ts";
import type { Plan, Step } from "../plan/step.ts";
import { UsageError } from "../spec/errors.ts";
import { DESCRIPTOR } from "./lower/descriptors.ts";
import type { Program } from "./program.ts";

/** What is to be run, and how it is talked about. */
export interface Handover {
  plan: Plan;
  /** The command, for the child's messages. */
  args: string[];
  /** Say `running [...] as 1`. */
  announce: boolean;
  /** Show stack traces. */
  debug: boolean;
  /** Descriptors from 3 upwards that the command keeps. */
  preserve: number;
  /** The command is to be the foreground process group of our terminal. */
  foreground: boolean;
  /** Mounts of the host phase, by the number under which PID 1 finds them. */
  mounts?: Readonly<Record<number, Descriptor>>;
  /** The command is to have a terminal of its own. */
  terminal: boolean;
}

/** The phases that the child sees to. */
export const OURS = ["container", "process", "cleanup"] as const;
export type OurPhase = typeof OURS[number];

/** The front of the file; after it the steps as JSON, then the programs. */
export interface Front {
  version: 2;
  args: string[];
  announce: boolean;
  debug: boolean;
  preserve: number;
  /** How many descriptors lead into the command's cgroup. */
  cgroups: number;
  stepsLength: number;
  programs: Record<
    OurPhase,
    { length: number } & Omit<Program, "bytes">
  >;
}

/** All that the child knows. */
export interface Received extends Omit<Front, "programs"> {
  programs: Record<OurPhase, Program>;
  /** What a program was compiled from; parsed when somebody asks. */
  steps(phase: OurPhase): readonly Step[];
}

/**
 * From the parent: the command's process group is to have the terminal again.
 * A signal that nothing else uses, and whose number is below SIGCONT's: of two
 * that wait the lower comes first, and continued too early the command would
 * stop again at its next read.
 */
export const SIGNAL_FOREGROUND = SIGNAL.SIGSTKFLT;

/**
 * In the child: waits until the parent has filled the file that the walker
 * handed over, and takes it; null where the parent has ended before, which is
 * about to end us as well.
 */
export function takeHandover(): Received | null {
  const notOurs = () =>
    new UsageError(
      "Cannot be the child: `child` is what `container run` starts by itself",
      "Use `container run COMMAND`.",
    );
  if (Deno.pid !== 1) throw notOurs();
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    const told = syscall("read", DESCRIPTOR.lifeline, new Uint8Array(1), 1);
    if (told === 0) return null;
    bytes = Deno.readFileSync(`/proc/self/fd/${DESCRIPTOR.plan}`);
  } catch {
    throw notOurs();
  }
  const decoder = new TextDecoder();
  let at = 4;
  const take = (length: number) => bytes.slice(at, at += length);
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const front = JSON.parse(decoder.decode(take(length))) as Front;
  if (front.version !== 2) throw notOurs();
  const steps = take(front.stepsLength);
  const programs = Object.fromEntries(
    OURS.map((phase) => {
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

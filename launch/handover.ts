/**
 * The messages between parent and child.
 *
 * The parent writes one memory file with the layout of
 * launch/handover_layout.ts. The child sends single bytes through a socket. The
 * end of file on that socket is the end of the child.
 */

import type { Descriptor } from "../ffi/fcntl.ts";
import { syscall } from "../ffi/libc.ts";
import { SIGNAL } from "../ffi/signal.ts";
import type { Plan, Step } from "../plan/step.ts";
import { UsageError } from "../spec/errors.ts";
import {
  HANDOVER,
  HANDOVER_MAGIC,
  HANDOVER_PARTS,
  HANDOVER_SIZE,
  HANDOVER_VERSION,
  type HandoverPart,
  PART_SIZE,
} from "./handover_layout.ts";
import { DESCRIPTOR } from "./lower/descriptors.ts";
import type { Program } from "./program.ts";

/** The plan to run, and the data for the child's messages. */
export interface Handover {
  plan: Plan;
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

/** The front part: what launch/child.ts needs in addition to the bytes. */
export interface Front {
  debug: boolean;
  programs: Record<ChildPhase, Omit<Program, "bytes">>;
}

/** The handover as launch/child.ts reads it. */
export interface Received {
  debug: boolean;
  preserve: number;
  /** The number of open descriptors for the command's cgroup files. */
  cgroups: number;
  programs: Record<ChildPhase, Program>;
  /** Returns the steps of a phase; parses them on demand. */
  steps(phase: ChildPhase): readonly Step[];
}

/**
 * Queued by the parent, sigqueue(3): give the terminal back to the command's
 * process group. Its number is lower than SIGCONT's, and of two pending signals
 * the kernel delivers the lower first. A command that continues before it has
 * the terminal stops again at its next read. Sent by kill(2), SIGSTKFLT is
 * forwarded like any other signal.
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
  const received = readHandover(bytes);
  if (!received) throw notTheChild();
  return received;
}

/** Reads a handover; null if the bytes are something else. */
export function readHandover(bytes: Uint8Array<ArrayBuffer>): Received | null {
  const header = new DataView(bytes.buffer);
  if (
    bytes.length < HANDOVER_SIZE ||
    header.getUint32(HANDOVER.magic, true) !== HANDOVER_MAGIC ||
    header.getUint32(HANDOVER.version, true) !== HANDOVER_VERSION
  ) return null;
  const take = (name: HandoverPart) => {
    const at = HANDOVER.parts + PART_SIZE * HANDOVER_PARTS.indexOf(name);
    const place = Number(header.getBigUint64(at, true));
    return bytes.slice(
      place,
      place + Number(header.getBigUint64(at + 8, true)),
    );
  };
  const parse = (name: "front" | "steps") =>
    JSON.parse(new TextDecoder().decode(take(name)));
  const front: Front = parse("front");
  return {
    debug: front.debug,
    preserve: header.getUint32(HANDOVER.preserve, true),
    cgroups: header.getUint32(HANDOVER.cgroups, true),
    programs: Object.fromEntries(
      CHILD_PHASES.map((phase) => [
        phase,
        { bytes: take(phase), ...front.programs[phase] },
      ]),
    ) as Received["programs"],
    steps: (phase) => parse("steps")[phase],
  };
}

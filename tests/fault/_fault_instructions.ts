/**
 * The instructions of a fault, and the marks by which a program with faults and
 * its test understand each other. Used on both sides.
 */

import type { Instruction } from "../../launch/bytecode/call.ts";

/** What a fault does. */
export type Fault = "fail" | "wait";

/** A process writes this to standard error before it waits. */
export const WAITS = "\x05";

/**
 * Makes the call of a waiting process easy to recognise. It is the size of the
 * signal mask, which ppoll(2) ignores if there is no mask.
 */
export const WAIT_MARK = 7357;

/** A struct pollfd for standard input, with no events: only its end counts. */
const standardInput = () => new Uint8Array(8);

/**
 * Tells the test, and waits until standard input ends. The test ends it after
 * it has killed the parent, because a real plan never waits between the creation
 * of PID 1 and the check that the parent is alive.
 */
export const WAIT: readonly Instruction[] = [
  { name: "write", args: [2, new TextEncoder().encode(WAITS), 1] },
  { name: "ppoll", args: [standardInput(), 1, null, null, WAIT_MARK] },
];

/** The result of a run with a fault. */
export interface Ending {
  status: number;
  /** The number of descriptors that the parent has open after the run. */
  open: number;
}

/** Separates the runs of one process on its standard output. */
export const NEXT_OUTPUT = "\x1c";

/** Separates them on standard error, and says how each run ended. */
export const endMark = (ending: Ending) => `\0${JSON.stringify(ending)}\0`;

/** Matches {@linkcode endMark}; the group is the {@linkcode Ending}. */
export const END_MARK = /\0([^\0]*)\0/;

/** The instructions that are put before those of a step with a fault. */
export const FAULTS: Record<Fault, readonly Instruction[]> = {
  fail: [{ name: "fail", error: "EPERM" }],
  wait: WAIT,
};

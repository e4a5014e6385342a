/**
 * What takes the place of a step's first call: a failure, or a wait. For the
 * tests of faults and the programs that they run.
 */

import type { Instruction } from "../launch/bytecode/call.ts";

/** What the fault does. */
export type Fault = "fail" | "wait";

/** Written to standard error by a process that is about to wait. */
export const WAITS = "\x05";

/** In the place of a size that ppoll(2) ignores without a signal mask. */
export const WAIT_MARK = 7357;

/** struct pollfd of standard input, which only its end interests. */
const standardInput = () => new Uint8Array(8);

/**
 * A step that says so and waits, until standard input ends: a test that has
 * killed the parent ends it, since in nature nothing waits between the birth of
 * PID 1 and its look at whether the parent is alive.
 */
export const WAIT: readonly Instruction[] = [
  { name: "write", args: [2, new TextEncoder().encode(WAITS), 1] },
  { name: "ppoll", args: [standardInput(), 1, null, null, WAIT_MARK] },
];

/** How a run with a fault ended, and how many descriptors are open after it. */
export interface Ending {
  status: number;
  open: number;
}

/** Written to standard output after each run: what follows is the next one's. */
export const NEXT_OUTPUT = "\x1c";

/** The same for standard error. */
export const endMark = (ending: Ending) => `\0${JSON.stringify(ending)}\0`;

/** Finds the mark, and how the run ended in it. */
export const END_MARK = /\0([^\0]*)\0/;

/** What comes before a step with a fault. */
export const FAULTS: Record<Fault, readonly Instruction[]> = {
  fail: [{ name: "fail", error: "EPERM" }],
  wait: WAIT,
};

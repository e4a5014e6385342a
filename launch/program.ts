/** Steps compiled to the bytes that the walker, or the child, carries out. */

import type { Step } from "../plan/step.ts";
import type { Argument, Instruction } from "./bytecode/call.ts";
import { encodeInstructions } from "./bytecode/encode.ts";
import { BASE, HEADER, LIMIT } from "./bytecode/layout.ts";
import { lower } from "./lower/lower.ts";

/** A compiled plan, or part of one. */
export interface Program {
  bytes: Uint8Array<ArrayBuffer>;
  /** The numbers of the slots that have names. */
  slots: Record<string, number>;
  /** Where, beside the steps, an address stands; for who moves the bytes. */
  pointers: number[];
  /** How many instructions each step comes to: a failure finds its step by it. */
  counts: number[];
}

/**
 * Compiles steps for this machine.
 *
 * @param movable the bytes are carried out where they lie, not where the walker
 * would map them: the child tells addresses among the arguments by their value
 */
export function compileSteps(
  steps: readonly Step[],
  { movable = false } = {},
): Program {
  const instructions: Instruction[] = [];
  const counts = steps.map((step) => {
    const lowered = lower(step);
    instructions.push(...lowered);
    return lowered.length;
  });
  if (movable) instructions.forEach(checkMovable);
  const { bytes, slots, pointers } = encodeInstructions(instructions);
  reportAfterWait(steps, counts, bytes);
  return { bytes, slots, counts, pointers: movable ? pointers : [] };
}

/** What fails after the wait for `start` is told to the command that starts. */
function reportAfterWait(
  steps: readonly Step[],
  counts: readonly number[],
  bytes: Uint8Array,
): void {
  const at = steps.findIndex(({ step }) => step === "waitForStart");
  const wait = steps[at];
  if (wait?.step !== "waitForStart") return;
  const header = new DataView(bytes.buffer, bytes.byteOffset);
  const from = counts.slice(0, at + 1).reduce((sum, count) => sum + count, 0);
  header.setUint32(HEADER.reportTo, wait.start, true);
  header.setUint32(HEADER.reportFrom, from, true);
}

function checkMovable(instruction: Instruction): void {
  if (instruction.name === "fail") return;
  const args: readonly Argument[] = instruction.args;
  for (const argument of args) {
    if (isAddressByChance(argument)) {
      throw new RangeError(
        `${instruction.name} cannot be carried out by the child: ${argument}`,
      );
    }
  }
}

const isAddressByChance = (argument: Argument) =>
  (typeof argument === "number" || typeof argument === "bigint") &&
  argument >= BASE && argument < BASE + LIMIT;

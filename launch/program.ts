/** Compiles steps to the bytecode that the walker and the child carry out. */

import type { Step } from "../plan/step.ts";
import type { Argument, Instruction } from "./bytecode/call.ts";
import { type Bytecode, encodeInstructions } from "./bytecode/encode.ts";
import { BASE, HEADER, LIMIT } from "./bytecode/layout.ts";
import { lower } from "./lower/lower.ts";

/** The slots that the parent reads: the first ones, which are in the header. */
const READ_BY_PARENT = ["pid"];

/** A compiled plan, or a part of a plan. */
export interface Program extends Bytecode {
  /**
   * The number of instructions of each step, to find the step of a failed
   * instruction.
   */
  counts: number[];
}

/**
 * Compiles steps for this machine.
 *
 * @param movable the bytecode runs in place, in this process's memory, and not
 * where the walker maps it. The child recognises addresses among the arguments
 * by their value, so no number may look like an address.
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
  const { bytes, slots, pointers } = encodeInstructions(
    instructions,
    undefined,
    READ_BY_PARENT,
  );
  reportAfterWait(steps, counts, bytes);
  return { bytes, slots, counts, pointers: movable ? pointers : [] };
}

/**
 * Makes the walker report any failure after the wait for `start` to the command
 * that starts the container.
 */
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

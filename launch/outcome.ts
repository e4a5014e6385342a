/**
 * Reads the result that the walker or the child left in the header of a
 * program.
 */

import { errnoName } from "../ffi/errno.ts";
import { nameOf } from "../ffi/numbers.ts";
import type { Step } from "../plan/step.ts";
import {
  HEADER,
  HEADER_SIZE,
  OPERATION,
  STATE,
  STEP,
  STEP_SIZE,
} from "./bytecode/layout.ts";
import type { Program } from "./program.ts";
import { StepError } from "./step_error.ts";

/** The instruction that failed, and its error number. */
export interface Failure {
  index: number;
  errno: number;
}

const viewOf = (bytes: Uint8Array) =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * Reads the failure from a header. A process in the container could have
 * written to this memory, so its content is used only as numbers.
 */
export function readFailure(header: Uint8Array): Failure | null {
  const view = viewOf(header);
  if (view.getUint32(HEADER.state, true) !== STATE.failed) return null;
  return {
    index: view.getUint32(HEADER.at, true),
    errno: view.getInt32(HEADER.error, true),
  };
}

/** Returns the value of a named slot. */
function readSlot(
  { slots }: Pick<Program, "slots">,
  header: Uint8Array,
  name: string,
): number {
  const slot = slots[name];
  if (slot === undefined) throw new RangeError(`The plan has no ${name}`);
  return Number(viewOf(header).getBigInt64(HEADER.slots + 8 * slot, true));
}

/** How far a program got. */
export interface Outcome {
  failure: Failure | null;
  /** The value of a named slot. */
  slot(name: string): number;
}

/** Reads a header. */
export function readOutcome(
  program: Pick<Program, "slots">,
  header: Uint8Array,
): Outcome {
  return {
    failure: readFailure(header),
    slot: (name) => readSlot(program, header, name),
  };
}

/**
 * Makes the error for a failed instruction: finds its step and its system call.
 *
 * @throws RangeError if the index is outside the program
 */
export function stepError(
  steps: readonly Step[],
  { bytes, counts }: Pick<Program, "bytes" | "counts">,
  { index, errno }: Failure,
): StepError {
  let first = 0;
  for (const [at, count] of counts.entries()) {
    if (index < first + count) {
      const number = viewOf(bytes).getInt32(
        HEADER_SIZE + index * STEP_SIZE + STEP.number,
        true,
      );
      return new StepError(steps[at]!, callName(number), errnoName(errno));
    }
    first += count;
  }
  throw new RangeError(`The walker stopped at ${index}, outside its plan`);
}

function callName(number: number): string {
  if (number === OPERATION.compare) return "compare";
  if (number === OPERATION.fail) return "fail";
  return nameOf(number);
}

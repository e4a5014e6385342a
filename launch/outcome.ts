/** How far a program came: what the walker, or the child, left in its header. */

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

/** The instruction that failed, and why. */
export interface Failure {
  index: number;
  errno: number;
}

const viewOf = (bytes: Uint8Array) =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * The failure that a header tells of. It is memory that a process in the
 * container could have written to: nothing in it is trusted further than a
 * number goes.
 */
export function readFailure(header: Uint8Array): Failure | null {
  const view = viewOf(header);
  if (view.getUint32(HEADER.state, true) !== STATE.failed) return null;
  return {
    index: view.getUint32(HEADER.at, true),
    errno: view.getInt32(HEADER.error, true),
  };
}

/** A result by its name. */
function readSlot(
  { slots }: Pick<Program, "slots">,
  header: Uint8Array,
  name: string,
): number {
  const slot = slots[name];
  if (slot === undefined) throw new RangeError(`The plan has no ${name}`);
  return Number(viewOf(header).getBigInt64(HEADER.slots + 8 * slot, true));
}

/** How far a program came. */
export interface Outcome {
  failure: Failure | null;
  /** A result by its name. */
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

/** The error of the instruction that failed, with its step. */
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

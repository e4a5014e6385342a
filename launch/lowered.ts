/** Steps with the instructions they come down to, so that a failure finds its step. */

import { errnoName } from "../ffi/errno.ts";
import type { Step } from "../plan/step.ts";
import type { Instruction } from "./call.ts";
import { lower } from "./lower.ts";
import { StepError } from "./step_error.ts";

/** Instructions in order, and for each of them the step that it belongs to. */
export interface Lowered {
  instructions: Instruction[];
  steps: Step[];
}

/** Lowers every step. */
export function lowerAll(steps: readonly Step[]): Lowered {
  const lowered: Lowered = { instructions: [], steps: [] };
  for (const step of steps) {
    for (const instruction of lower(step)) {
      lowered.instructions.push(instruction);
      lowered.steps.push(step);
    }
  }
  return lowered;
}

/** The error of the instruction at an index. */
export function stepError(
  { instructions, steps }: Lowered,
  { index, errno }: { index: number; errno: number },
): StepError {
  const step = steps[index];
  const instruction = instructions[index];
  if (!step || !instruction) {
    throw new RangeError(`The walker stopped at ${index}, outside its plan`);
  }
  return new StepError(step, instruction.name, errnoName(errno));
}

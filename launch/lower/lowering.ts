/** The type of a lowering: from a step to its system calls. */

import type { StepKind, StepOf } from "../../plan/step.ts";
import type { Instruction } from "../bytecode/call.ts";

/** A function for each kind of step. */
export type Lowering<K extends StepKind> = {
  [Kind in K]: (step: StepOf<Kind>) => Instruction[];
};

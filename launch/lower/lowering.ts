/** What lowering is: from a step to its system calls. */

import type { StepKind, StepOf } from "../../plan/step.ts";
import type { Instruction } from "../bytecode/call.ts";

/** How each kind of step is lowered. */
export type Lowering<K extends StepKind> = {
  [Kind in K]: (step: StepOf<Kind>) => Instruction[];
};

/** The error of a failed copy. */

import { describe } from "../../explain/steps/describe.ts";
import type { StepOf } from "../../plan/step.ts";
import { ContainerError } from "../../spec/errors.ts";

/** Makes the error from the output of cp(1). */
export const cannotCopy = (
  step: StepOf<"copyUp" | "makeVolume">,
  said: string,
): ContainerError =>
  new ContainerError(
    `Cannot ${describe(step)}: ${said.trim().split("\n")[0]}`,
    {
      hint: step.step === "copyUp"
        ? "Check whether there is enough space; see size= of the mount."
        : "Check whether there is enough space for the volume.",
    },
  );

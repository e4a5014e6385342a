/** The error of a step that failed. */

import { type Errno, errnoText } from "../ffi/errno.ts";
import { describe } from "../explain/steps/describe.ts";
import type { Step } from "../plan/step.ts";
import { ContainerError } from "../spec/errors.ts";
import { hintFor } from "./step_hints.ts";

/**
 * A failed step: the action, the system call that failed, and the reason for
 * the step, so its reader can judge the failure.
 */
export class StepError extends ContainerError {
  /** The name of the class. */
  override name = "StepError";
  /** Takes the step, its failed system call and the errno. */
  constructor(
    /** The step as in the plan. */
    readonly step: Step,
    /** The system call that failed. */
    readonly call: string,
    /** The name of the errno, for example `ENOENT`. */
    readonly code: Errno | `E${number}`,
  ) {
    super(`Cannot ${describe(step)}: ${call}: ${errnoText(code)}`, {
      hint: hintFor(step, call, code),
    });
  }
}

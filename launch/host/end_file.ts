/**
 * The space for the record of a container's end, reserved before the container
 * starts. Runs on the host, in the process of the command.
 */

import { codeOf } from "../../cgroup/apply.ts";
import type { StepOf } from "../../plan/step.ts";
import { ContainerError, systemReason } from "../../spec/errors.ts";

/** ENOSPC and EDQUOT, which Deno also calls by number. */
const FULL = ["ENOSPC", "E28", "EDQUOT", "E122"];

/** The same size as in launch/native/keeper.c. */
export const END_SIZE = 128;

/**
 * Reserves the space for the next end, by reusing the file of the last one.
 *
 * @throws {ContainerError} if the disk is full
 */
export function reserveEnd({ path }: StepOf<"reserveEnd">): void {
  const draft = `${path}.new`;
  try {
    Deno.renameSync(path, draft);
    return;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  try {
    Deno.writeTextFileSync(draft, " ".repeat(END_SIZE), { mode: 0o600 });
  } catch (cause) {
    if (!FULL.includes(codeOf(cause))) throw cause;
    throw new ContainerError(
      `Cannot reserve space for the exit status in ${draft}: ${
        systemReason(cause)
      }`,
      {
        hint: "Free some space, or choose another directory with --root.",
        cause,
      },
    );
  }
}

/**
 * Removes what killed commands of this program left behind. Every `run` does
 * this. Runs on the host, in the process the user started.
 */

import { once } from "../../plan/once.ts";
import { ContainerError } from "../../spec/errors.ts";
import { stateDirectory } from "./state_directory.ts";

/** The directory that records the cgroups of running containers. */
export const recordsDirectory = () => `${stateDirectory()}/cgroups`;

/**
 * Removes the cgroups that ended commands have left. Usually nothing is
 * recorded, and the cost is reading one directory.
 */
export async function sweepLeftovers(): Promise<void> {
  if (!hasRecords()) return;
  const { sweep } = await import("../../cgroup/sweep.ts");
  // A cgroup that cannot be removed now is left for the next command.
  sweep(recordsDirectory());
}

/**
 * {@linkcode sweepLeftovers}, but only once in a process: a program that runs
 * many containers sweeps before the first.
 */
export const sweepLeftoversOnce: () => Promise<void> = once(sweepLeftovers);

function hasRecords(): boolean {
  try {
    for (const _ of Deno.readDirSync(recordsDirectory())) return true;
  } catch (error) {
    // A directory that another user owns holds no records of this user.
    if (
      !(error instanceof Deno.errors.NotFound) &&
      !(error instanceof Deno.errors.PermissionDenied) &&
      !(error instanceof ContainerError)
    ) throw error;
  }
  return false;
}

/**
 * What killed commands of ours left behind, swept by any `run`. Runs on the
 * host.
 */

import { once } from "../../plan/once.ts";
import { ContainerError } from "../../spec/errors.ts";
import { stateDirectory } from "./state_directory.ts";

/** Where the cgroups of running containers are recorded. */
export const recordsDirectory = () => `${stateDirectory()}/cgroups`;

/**
 * Removes the cgroups whose owners are gone. Where nothing is recorded, which
 * is most of the time, that costs a look at one directory.
 */
export async function sweepLeftovers(): Promise<void> {
  if (!hasRecords()) return;
  const { sweep } = await import("../../cgroup/sweep.ts");
  // One that resists is the business of whoever comes next.
  sweep(recordsDirectory());
}

/** The same, once in a process: a program that runs many containers looks for the first. */
export const sweepLeftoversOnce: () => Promise<void> = once(sweepLeftovers);

function hasRecords(): boolean {
  try {
    for (const _ of Deno.readDirSync(recordsDirectory())) return true;
  } catch (error) {
    // Of another user's directory we know nothing, and there is nothing of ours.
    if (
      !(error instanceof Deno.errors.NotFound) &&
      !(error instanceof Deno.errors.PermissionDenied) &&
      !(error instanceof ContainerError)
    ) throw error;
  }
  return false;
}

/**
 * Removes what killed commands of this program left behind. Every `run` does
 * this. Runs on the host, in the process the user started.
 */

import type { Ledger } from "../../launch/host/host_phase.ts";
import { once } from "../../plan/once.ts";
import type { Plan } from "../../plan/step.ts";
import { ContainerError } from "../../spec/errors.ts";
import { stateDirectory } from "./state_directory.ts";

/**
 * The directory with the undos of running commands. launch/native/guards.h
 * looks into it too.
 *
 * @param options.make whether to create the directory above it
 */
export const recordsDirectory = (options: { make?: boolean } = {}) =>
  `${stateDirectory(options)}/undo`;

/**
 * Runs the undos of ended commands. Usually nothing is recorded, and the cost
 * is reading one directory.
 */
export async function sweepLeftovers(): Promise<void> {
  if (hasFiles("cgroups")) await sweepOld();
  if (!hasFiles("undo")) return;
  const { sweep } = await import("../../launch/host/undo_file.ts");
  // What cannot be removed now is left for the next command.
  sweep(recordsDirectory());
}

/** Records of earlier builds. What cannot be removed now is left. */
async function sweepOld(): Promise<void> {
  const { sweepOldRecords } = await import("../../launch/host/old_records.ts");
  try {
    sweepOldRecords(`${stateDirectory()}/cgroups`);
  } catch {
    // A cgroup is busy, or a record belongs to a process that lives.
  }
}

/** The record of a start; null if none of its steps needs a record. */
export async function ledgerFor({ host }: Plan): Promise<Ledger | null> {
  if (!host.some(({ step }) => step === "recordUndos")) return null;
  const { UndoFile } = await import("../../launch/host/undo_file.ts");
  return new UndoFile(recordsDirectory(), crypto.randomUUID());
}

/**
 * {@linkcode sweepLeftovers}, but only once in a process: a program that runs
 * many containers sweeps before the first.
 */
export const sweepLeftoversOnce: () => Promise<void> = once(sweepLeftovers);

/** Whether a directory of the state directory has files. */
function hasFiles(name: "undo" | "cgroups"): boolean {
  try {
    // Only a start with something to record changes the host for that.
    const directory = `${stateDirectory({ make: false })}/${name}`;
    for (const _ of Deno.readDirSync(directory)) return true;
  } catch (error) {
    // A directory that another user owns holds no records of this user.
    if (
      !(error instanceof Deno.errors.NotFound) &&
      !(error instanceof Deno.errors.NotADirectory) &&
      !(error instanceof Deno.errors.PermissionDenied) &&
      !(error instanceof ContainerError)
    ) throw error;
  }
  return false;
}

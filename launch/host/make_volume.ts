/**
 * Makes a volume of the store, and fills an empty one. Runs on the host, in the
 * parent.
 *
 * A volume exists when its record does. A command that is killed before leaves a
 * directory without a record, which the next one replaces. The copy is made next
 * to the volume's data and renamed.
 */

import { describe } from "../../explain/steps/describe.ts";
import type { StepOf } from "../../plan/step.ts";
import type { OwnerMaps } from "../../plan/undo.ts";
import { ContainerError, systemReason } from "../../spec/errors.ts";
import { discard } from "./changes.ts";
import { isThere } from "./identity.ts";

/** What is known about a volume, next to its data. */
export interface VolumeRecord {
  driver: "local";
  labels: Readonly<Record<string, string>>;
  options: Readonly<Record<string, string>>;
  /** Made for one container, which had no name for it. */
  anonymous?: true;
  /** RFC 3339. */
  created: string;
}

/** The data of a volume, as in docker's store. */
export const DATA = "_data";

/** The record of a volume. */
export const RECORD = "volume.json";

/** Where the copy for an empty volume is made. */
const FILLING = "filling";

/**
 * Carries out a makeVolume step.
 *
 * @throws ContainerError if it cannot be made or filled; then nothing is left of
 * a new one
 */
export async function makeVolume(step: StepOf<"makeVolume">): Promise<void> {
  const { directory, lock, labels, options, anonymous, content } = step;
  let isNew = false;
  try {
    {
      using _lock = lockAt(lock);
      isNew = recordVolume(directory, {
        driver: "local",
        labels,
        options,
        ...(anonymous ? { anonymous } : {}),
        created: new Date().toISOString(),
      });
    }
    // Another container may be filling it: this one sees all or nothing.
    using _lock = lockAt(`${directory}/lock`);
    if (content) await fill(step, content);
  } catch (cause) {
    if (isNew) removeQuietly(directory);
    if (cause instanceof ContainerError) throw cause;
    throw new ContainerError(
      `Cannot ${describe(step)}: ${systemReason(cause)}`,
      {
        hint: "Free some space, or name another directory with --store.",
        cause,
      },
    );
  }
}

/** Takes a lock, flock(2). The file is created if it is missing. */
function lockAt(path: string): Disposable {
  const file = Deno.openSync(path, { create: true, write: true, mode: 0o600 });
  file.lockSync(true);
  return file;
}

/**
 * Makes a volume if there is none; the caller has the store's lock.
 *
 * @returns whether it is new
 */
export function recordVolume(directory: string, record: VolumeRecord): boolean {
  if (isThere(`${directory}/${RECORD}`)) return false;
  // What a command has left that was killed here.
  if (isThere(directory)) Deno.removeSync(directory, { recursive: true });
  Deno.mkdirSync(directory, { recursive: true, mode: 0o700 });
  try {
    makeData(`${directory}/${DATA}`);
    const fresh = `${directory}/${RECORD}.new`;
    Deno.writeTextFileSync(fresh, JSON.stringify(record), { mode: 0o600 });
    Deno.renameSync(fresh, `${directory}/${RECORD}`);
    return true;
  } catch (error) {
    Deno.removeSync(directory, { recursive: true });
    throw error;
  }
}

/** Its mode is docker's, whatever the umask is. */
function makeData(path: string): void {
  Deno.mkdirSync(path);
  Deno.chmodSync(path, 0o755);
}

/** Fills an empty volume; the caller has its lock. */
async function fill(
  step: StepOf<"makeVolume">,
  content: NonNullable<StepOf<"makeVolume">["content"]>,
): Promise<void> {
  const { fillDirectory } = await import("./fill_directory.ts");
  const { directory, device } = step;
  const data = device ?? `${directory}/${DATA}`;
  if (!isEmpty(data)) return;
  // It is not ours to replace, or another container shows it already.
  if (device !== undefined || isUsedByOthers(step)) {
    await fillDirectory(step, content, data);
    return;
  }
  const filling = `${directory}/${FILLING}`;
  if (isThere(filling)) await Deno.remove(filling, { recursive: true });
  makeData(filling);
  try {
    if (await fillDirectory(step, content, filling)) {
      // It replaces the empty directory in one step.
      await Deno.rename(filling, data);
    } else await Deno.remove(filling);
  } catch (error) {
    removeQuietly(filling);
    throw error;
  }
}

/** What cannot be removed is removed by the next start. */
function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch {
    // The first error counts.
  }
}

/** How many containers use a volume, those that are starting included. */
function countUsers(store: string, name: string): number {
  const containers = `${store}/containers`;
  let count = 0;
  if (!isThere(containers)) return count;
  for (const { name: id } of Deno.readDirSync(containers)) {
    try {
      const text = Deno.readTextFileSync(`${containers}/${id}/uses.json`);
      const { volumes = [] }: { volumes?: string[] } = JSON.parse(text);
      if (volumes.includes(name)) count++;
    } catch (error) {
      // It is being made or removed.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return count;
}

/** Whether another container uses the volume than the one that is listed. */
function isUsedByOthers({ directory, lock }: StepOf<"makeVolume">): boolean {
  const name = directory.slice(directory.lastIndexOf("/") + 1);
  return countUsers(lock.replace(/\/[^/]*$/, ""), name) > 1;
}

/**
 * Removes a volume of a container that is gone, unless another one uses it.
 *
 * @throws ContainerError if it cannot be renamed
 */
export function dropVolume(
  store: string,
  name: string,
  owners: { owners?: OwnerMaps } = {},
): void {
  const directory = `${store}/volumes/${name}`;
  if (!isThere(directory)) return;
  using _lock = lockAt(`${store}/lock`);
  if (countUsers(store, name) > 0) return;
  discard({
    path: directory,
    into: `${store}/work/volume-${name}`,
    ...owners,
  });
}

/** A directory that cannot be read belongs to a user inside: it has been used. */
function isEmpty(path: string): boolean {
  try {
    for (const _ of Deno.readDirSync(path)) return false;
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) return false;
    throw error;
  }
}

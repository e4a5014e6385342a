/**
 * Names of containers on disk. Each is a symbolic link to an id. The directory
 * of the links has a name that is no valid id. Runs on the host, in the process
 * of the command.
 */

import { makeStateDirectory } from "../../launch/host/state_place.ts";
import type { Store } from "../store/store.ts";

/** Docker's rule for names. */
export const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/;
const DIRECTORY = "@names";
const LOCK = ".lock";

/**
 * Runs a function under the lock for names. A killed command loses its lock.
 */
export function locked<T>({ root }: Store, act: (directory: string) => T): T {
  const directory = `${root}/${DIRECTORY}`;
  makeStateDirectory(directory, 0o711, true);
  using lock = Deno.openSync(`${directory}/${LOCK}`, {
    create: true,
    write: true,
    mode: 0o600,
  });
  lock.lockSync(true);
  return act(directory);
}

/** The target of a link; null if there is no link. */
export function readLink(path: string): string | null {
  try {
    return Deno.readLinkSync(path);
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.PermissionDenied
    ) return null;
    throw error;
  }
}

/** Whether a directory exists. */
export function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * The id of the container with this name; null if no existing container has it.
 */
export function ownerOf({ root }: Store, name: string): string | null {
  const id = NAME.test(name) ? readLink(`${root}/${DIRECTORY}/${name}`) : null;
  return id !== null && isThere(`${root}/${id}`) ? id : null;
}

/** Removes a name if it belongs to this container. */
export function dropName(store: Store, name: string, id: string): void {
  if (!isThere(`${store.root}/${DIRECTORY}`)) return;
  locked(store, (directory) => {
    const path = `${directory}/${name}`;
    if (readLink(path) === id) Deno.removeSync(path);
  });
}

/** Removes the names of containers that no longer exist. */
export function sweepNames(store: Store): void {
  if (!isThere(`${store.root}/${DIRECTORY}`)) return;
  locked(store, (directory) => {
    for (const { name, isSymlink } of Deno.readDirSync(directory)) {
      if (isSymlink && ownerOf(store, name) === null) {
        Deno.removeSync(`${directory}/${name}`);
      }
    }
  });
}

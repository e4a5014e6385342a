/**
 * A name is a symbolic link to an id, in a directory whose own name can be no
 * id. Runs on the host.
 */

import type { Store } from "../store/store.ts";

/** Docker's rule for a name. */
export const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/;
const DIRECTORY = "@names";
const LOCK = ".lock";

/** No two commands give or take names at once; a killed one's lock ends with it. */
export function locked<T>({ root }: Store, act: (directory: string) => T): T {
  const directory = `${root}/${DIRECTORY}`;
  Deno.mkdirSync(directory, { recursive: true, mode: 0o711 });
  using lock = Deno.openSync(`${directory}/${LOCK}`, {
    create: true,
    write: true,
    mode: 0o600,
  });
  lock.lockSync(true);
  return act(directory);
}

/** What a link names; null where it is none. */
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

/** Whether there is a directory. */
export function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Whose name it is: null where it is nobody's, or of one that is gone. */
export function ownerOf({ root }: Store, name: string): string | null {
  const id = NAME.test(name) ? readLink(`${root}/${DIRECTORY}/${name}`) : null;
  return id !== null && isThere(`${root}/${id}`) ? id : null;
}

/** Takes a name back, if it is this container's. */
export function dropName(store: Store, name: string, id: string): void {
  if (!isThere(`${store.root}/${DIRECTORY}`)) return;
  locked(store, (directory) => {
    const path = `${directory}/${name}`;
    if (readLink(path) === id) Deno.removeSync(path);
  });
}

/** Takes back the names of containers that are gone. */
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

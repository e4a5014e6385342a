/**
 * The files of a store, and where the default store is.
 *
 * A store is an OCI image layout (`oci-layout`, `index.json`, `blobs/`), which
 * other tools read, and next to it:
 *
 * - `version`: the version of this arrangement;
 * - `lock`: held around each change;
 * - `layers/CHAIN/diff`: each layer, unpacked once, by its chain ID;
 * - `summaries.json`: what lists show of each image, to read it quickly. It can
 *   be removed;
 * - `ready/DIGEST.json`: what `run` needs of an image whose layers are unpacked,
 *   to read it quickly. It can be removed;
 * - `containers/ID`: what a container changes (`upper`, `work`), and what it uses
 *   in the store (`uses.json`);
 * - `work/ID`: one directory for each command that adds something, with a lock
 *   that it holds. A directory whose lock is free is of a command that was
 *   killed.
 */

import { ContainerError, systemReason } from "../../spec/errors.ts";
import { algorithmOf, hexOf } from "../spec/digest.ts";

/** The version of the arrangement that this program writes. */
export const STORE_VERSION = 1;

const WRITABLE_BY_OTHERS = 0o022;

/** The file of a blob. */
export const blobFile = (store: string, digest: string): string =>
  `${store}/blobs/${algorithmOf(digest)}/${hexOf(digest)}`;

/** The directory of an unpacked layer, with its record and its files. */
export const layerDirectory = (store: string, chain: string): string =>
  `${store}/layers/${hexOf(chain)}`;

/** The files of an unpacked layer, one lower directory of an overlay. */
export const layerFiles = (store: string, chain: string): string =>
  `${layerDirectory(store, chain)}/diff`;

/**
 * The default store: /var/lib/container for root, else in the user's data
 * directory, as the XDG base directory specification has it. A caller that is
 * root only in a user namespace counts as a user.
 *
 * @throws {ContainerError} if the user has no home directory
 */
export function defaultStore(): string {
  const data = Deno.env.get("XDG_DATA_HOME");
  if (Deno.uid() === 0 && isInitialNamespace()) return "/var/lib/container";
  if (data?.startsWith("/")) return `${data}/container`;
  const home = Deno.env.get("HOME");
  if (home?.startsWith("/")) return `${home}/.local/share/container`;
  throw new ContainerError(
    "Cannot keep images: XDG_DATA_HOME and HOME are not set",
    { hint: "Set HOME, or name a directory with --store." },
  );
}

/** The directory of a store that a program names, or else the default one. */
export const storeOf = (named: string = defaultStore()): string =>
  named.startsWith("/") ? named : `${Deno.cwd()}/${named}`;

function isInitialNamespace(): boolean {
  const map = Deno.readTextFileSync("/proc/self/uid_map");
  return /^\s*0\s+0\s+4294967295\s*$/.test(map);
}

/**
 * Refuses a store that another user could change: its layers are what
 * containers run.
 *
 * @throws {ContainerError}
 */
export function checkOwner(path: string): void {
  const info = statOrNull(path);
  if (!info) return;
  const isOurs = info.uid === Deno.uid() || info.uid === 0;
  const fault = !info.isDirectory
    ? "it is not a directory"
    : !isOurs
    ? `it belongs to user ${info.uid}`
    : (info.mode ?? 0) & WRITABLE_BY_OTHERS
    ? "other users can write to it"
    : null;
  if (fault === null) return;
  throw new ContainerError(`Cannot keep images in ${path}: ${fault}`, {
    hint: "Name a directory that only you can write to with --store.",
  });
}

/** Information about a file; null if it does not exist. */
export function statOrNull(path: string): Deno.FileInfo | null {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory
    ) return null;
    throw storeError(path, error);
  }
}

/** The text of a file; null if it does not exist. */
export function textOrNull(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw storeError(path, error);
  }
}

/** The names in a directory; none if it does not exist. */
export function namesIn(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw storeError(path, error);
  }
}

/** The file with the summaries of all images. */
export const summariesFile = (store: string): string =>
  `${store}/summaries.json`;

/** Whether something failed because the disk or the user's quota is full. */
export function isFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return /os error (28|122)\)/.test(error.message) || isFull(error.cause);
}

/**
 * Does something that needs a little space. If the disk is full, the summaries
 * make room for it: rmi and prune must be able to free the rest, and summaries
 * can be made again.
 */
export function withRoom<T>(store: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (!isFull(error)) throw error;
    try {
      Deno.removeSync(summariesFile(store));
    } catch {
      throw error;
    }
    return act();
  }
}

/** The error for a file of the store that cannot be read or written. */
export function storeError(path: string, cause: unknown): Error {
  if (cause instanceof ContainerError) return cause;
  const isDenied = cause instanceof Deno.errors.PermissionDenied;
  const isReadOnly = cause instanceof Error &&
    /os error 30\)/.test(cause.message);
  const hint = isFull(cause)
    ? "Free some space: container image prune removes unused images."
    : isDenied || isReadOnly
    ? "Name a directory that you can write to with --store."
    : "Check the disk, or name another directory with --store.";
  return new ContainerError(
    `Cannot use the store of images at ${path}: ${systemReason(cause)}`,
    { hint, cause },
  );
}

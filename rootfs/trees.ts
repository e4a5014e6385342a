/**
 * Recognizes and removes trees that rootfs/ has made. Nothing here follows a
 * link, crosses a mount or changes files of another user. Runs on the host.
 *
 * @module
 */
import { errorCode, RootfsError } from "./errors.ts";
import { mountsWithin, readMounts } from "./mountinfo.ts";
import { SEED_APPLETS } from "./skeleton.ts";
import type { Arch } from "./sources.ts";
import { staticBinaryProblem } from "./verify.ts";

/** `lstat`, or `null` if the path does not exist. */
export function lstatOrNull(path: string): Deno.FileInfo | null {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    // ENOTDIR: a part of the path is not a directory.
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory
    ) return null;
    throw error;
  }
}

/**
 * Refuses a path if something is mounted at or below it.
 *
 * @throws {RootfsError}
 */
export function refuseMounts(path: string): void {
  const mounted = mountsWithin(Deno.realPathSync(path), readMounts());
  if (mounted[0] === undefined) return;
  throw new RootfsError(
    `Cannot remove ${path}: there is a mount at ${mounted[0].path}`,
    { hint: `run "umount ${mounted[0].path}" first` },
  );
}

/** Removes a tree, unless something is mounted in it. */
export function removeTree(path: string): void {
  const info = lstatOrNull(path);
  if (info === null) return;
  if (info.isDirectory) refuseMounts(path);
  Deno.removeSync(path, { recursive: true });
}

/**
 * {@linkcode removeTree}, but returns false if that is not permitted: the
 * tree's owner cannot remove files that a container has created as root.
 */
export function mayRemoveTree(path: string): boolean {
  try {
    removeTree(path);
    return true;
  } catch (error) {
    if (["EACCES", "EPERM"].includes(errorCode(error))) return false;
    throw error;
  }
}

/**
 * The message for a directory that could not be removed, with the command to
 * remove it.
 */
export const describeStuck = (path: string): string =>
  `Cannot remove ${path}: it contains files of other users, for example from a container that ran as root; run "sudo rm -rf ${path}"`;

/** The prefix of temporary directories that are made next to a tree. */
export function temporaryPrefix(base: string): string {
  return `.${base}.new-`;
}

/** The names that {@linkcode sweep} has found. */
export interface Swept {
  readonly removed: readonly string[];
  /** Directories that this user may not remove. */
  readonly stuck: readonly string[];
}

/**
 * Removes what earlier runs have left in a directory. The caller holds the lock
 * that every run holds while it uses a temporary directory there, so no living
 * run owns what is found.
 */
export function sweep(home: string, base: string): Swept {
  const prefix = temporaryPrefix(base);
  const removed: string[] = [];
  const stuck: string[] = [];
  for (const entry of [...Deno.readDirSync(home)]) {
    const suffix = entry.name.slice(prefix.length);
    if (!entry.name.startsWith(prefix) || !/^[0-9a-z]+$/.test(suffix)) continue;
    const path = `${home}/${entry.name}`;
    const info = lstatOrNull(path);
    if (!info?.isDirectory || info.uid !== Deno.uid()) continue;
    // A mount in a leftover must not make a new run fail.
    if (mountsWithin(Deno.realPathSync(path), readMounts()).length > 0) {
      continue;
    }
    (mayRemoveTree(path) ? removed : stuck).push(entry.name);
  }
  return { removed, stuck };
}

/**
 * Waits for the lock on a directory. The open descriptor holds the lock, so it
 * ends with a killed process. Returns `null` if the file system has no such
 * locks (NFS). Then a leftover cannot be distinguished from a living run, and
 * nothing is swept.
 */
export function lockDirectory(dir: string): Disposable | null {
  const file = Deno.openSync(dir);
  try {
    file.lockSync(true);
    return file;
  } catch {
    file.close();
    return null;
  }
}

/**
 * Whether a directory may be replaced: bin contains only busybox and links to
 * it. The host's /usr or a distribution's tree contains more.
 */
export function isOwnTree(dir: string): boolean {
  const info = lstatOrNull(dir);
  if (!info?.isDirectory || info.uid !== Deno.uid()) return false;
  if (!lstatOrNull(`${dir}/bin`)?.isDirectory) return false;
  if (!lstatOrNull(`${dir}/bin/busybox`)?.isFile) return false;
  for (const entry of Deno.readDirSync(`${dir}/bin`)) {
    if (entry.name === "busybox") continue;
    if (!entry.isSymlink) return false;
    if (Deno.readLinkSync(`${dir}/bin/${entry.name}`) !== "busybox") {
      return false;
    }
  }
  return true;
}

/** What a finished tree lacks; `null` if it is complete. */
export function treeProblem(dir: string, arch: Arch): string | null {
  if (!lstatOrNull(`${dir}/bin/busybox`)?.isFile) {
    return "bin/busybox is missing";
  }
  const problem = staticBinaryProblem(
    Deno.readFileSync(`${dir}/bin/busybox`),
    arch,
  );
  if (problem !== null) return `bin/busybox cannot be used: ${problem}`;
  for (const name of SEED_APPLETS) {
    if (lstatOrNull(`${dir}/bin/${name}`) === null) {
      return `bin/${name} is missing`;
    }
  }
  if (!lstatOrNull(`${dir}/proc`)?.isDirectory) return "proc is missing";
  return null;
}

/** Whether a finished tree is the minimal one. */
export function isMinimal(dir: string): boolean {
  return lstatOrNull(`${dir}/etc`) === null;
}

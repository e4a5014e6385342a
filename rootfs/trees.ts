/**
 * Recognising and removing trees that this room made. Nothing here follows a
 * link, crosses a mount or touches what another user owns.
 *
 * @module
 */
import { errorCode, RootfsError } from "./errors.ts";
import { mountsWithin, readMounts } from "./mountinfo.ts";
import { SEED_APPLETS } from "./skeleton.ts";
import type { Arch } from "./sources.ts";
import { staticBinaryProblem } from "./verify.ts";

/** `lstat` that answers `null` for what is not there. */
export function lstatOrNull(path: string): Deno.FileInfo | null {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    // ENOTDIR: something that is no directory is in the way.
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory
    ) return null;
    throw error;
  }
}

/** Refuses when something is mounted at or below a path. */
export function refuseMounts(path: string): void {
  const mounted = mountsWithin(Deno.realPathSync(path), readMounts());
  if (mounted[0] === undefined) return;
  throw new RootfsError(
    `Cannot remove ${path}: something is mounted at ${mounted[0].path}`,
    { hint: `run "umount ${mounted[0].path}" first` },
  );
}

/** Removes a tree of ours, unless something is mounted in it. */
export function removeTree(path: string): void {
  const info = lstatOrNull(path);
  if (info === null) return;
  if (info.isDirectory) refuseMounts(path);
  Deno.removeSync(path, { recursive: true });
}

/**
 * {@linkcode removeTree}, false where it may not: a container that ran as root
 * makes files that the tree's owner cannot remove.
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

/** What to tell of a directory that had to stay, and how to be rid of it. */
export const describeStuck = (path: string): string =>
  `Cannot remove ${path}: there are files of other users in it, as a container that ran as root makes them; run "sudo rm -rf ${path}"`;

/** The prefix of the temporary directories made beside a tree. */
export function temporaryPrefix(base: string): string {
  return `.${base}.new-`;
}

/** What {@linkcode sweep} found, by name. */
export interface Swept {
  readonly removed: readonly string[];
  /** What the caller may not remove. */
  readonly stuck: readonly string[];
}

/**
 * Removes what earlier runs left in a directory. The caller holds the lock that
 * every run holds while it has a temporary directory there, so whatever is
 * found belongs to no living one.
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
    // Something mounted in a leftover is no reason to fail a new run.
    if (mountsWithin(Deno.realPathSync(path), readMounts()).length > 0) {
      continue;
    }
    (mayRemoveTree(path) ? removed : stuck).push(entry.name);
  }
  return { removed, stuck };
}

/**
 * Waits for the lock on a directory. The open descriptor holds it, so a killed
 * process leaves none. `null` where the file system has no such locks (NFS):
 * then there is no telling a leftover from a living run, and nothing is swept.
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
 * Whether a directory may be replaced: bin holds busybox and links to it, and
 * nothing else. A host's own /usr or a distribution's tree has more in there.
 */
export function looksLikeOurs(dir: string): boolean {
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

/** Says what a finished tree lacks, or `null`. */
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

/**
 * The places for mounts that are missing in a directory of the user's: they are
 * made there, and stay. Runs on the host, in the parent, which looks before and
 * after; nothing is followed out of the root filesystem.
 */

import { SyscallError } from "../../ffi/errno.ts";
import { O, open } from "../../ffi/fcntl.ts";
import { openInRoot } from "../../ffi/openat2.ts";
import type { Facts } from "../../plan/facts.ts";
import type { Spec } from "../../spec/types.ts";

/** What is missing, as long as it is. */
export class Mountpoints {
  #missing: string[];

  /** Looks which are missing. */
  constructor(readonly root: string, paths: readonly string[]) {
    this.#missing = missingIn(root, paths);
  }

  /** Those that have been made since the last look. */
  made(): string[] {
    if (!this.#missing.length) return [];
    const before = this.#missing;
    this.#missing = missingIn(this.root, before);
    return before.filter((path) => !this.#missing.includes(path));
  }
}

/**
 * The places that a plan makes in the root filesystem where that is a
 * directory and changes to it stay; null where none do.
 */
export function mountpointsOf(
  { root, mounts = [] }: Spec,
  { rootKind, overlay }: Facts,
): Mountpoints | null {
  if (rootKind !== "directory" || overlay) return null;
  // Below another mount it is that one's file system.
  const paths = mounts.filter(({ type, destination }, index) =>
    !ASKED_FOR.has(type ?? "") &&
    !mounts.slice(0, index).some((above) =>
      destination.startsWith(`${above.destination.replace(/\/+$/, "")}/`)
    )
  ).map(({ destination }) => destination);
  return new Mountpoints(root.path, [...new Set(paths)]);
}

/** `--dir`, `--file` and `--symlink` make what they are told to. */
const ASKED_FOR = new Set(["directory", "file", "symlink"]);

function missingIn(root: string, paths: readonly string[]): string[] {
  try {
    using directory = open(root, O.O_PATH | O.O_DIRECTORY);
    return paths.filter((path) => {
      using found = openInRoot(directory, path, O.O_PATH);
      return found === null;
    });
  } catch (error) {
    // Who may not look does not make any.
    if (error instanceof SyscallError) return [];
    throw error;
  }
}

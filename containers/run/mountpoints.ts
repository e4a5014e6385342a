/**
 * Reports mountpoints that were missing in a directory of the user. The
 * container creates them there, and they stay. Runs on the host, in the parent,
 * which checks before and after the mounts; no link is followed out of the root
 * filesystem.
 */

import { SyscallError } from "../../ffi/errno.ts";
import { O, open } from "../../ffi/fcntl.ts";
import { openInRoot } from "../../ffi/openat2.ts";
import type { Facts } from "../../plan/facts.ts";
import { directoriesAbove } from "../../plan/mounts/paths.ts";
import type { Spec } from "../../spec/types.ts";

/** The mountpoints that are still missing. */
export class Mountpoints {
  #missing: string[];

  /** Finds out which of the paths are missing. */
  constructor(readonly root: string, paths: readonly string[]) {
    this.#missing = missingIn(root, paths);
  }

  /** The mountpoints that were created since the previous check. */
  made(): string[] {
    if (!this.#missing.length) return [];
    const before = this.#missing;
    this.#missing = missingIn(this.root, before);
    const missing = new Set(this.#missing);
    return before.filter((path) => !missing.has(path));
  }
}

/**
 * The mountpoints that a plan creates in a root filesystem that is a directory
 * and keeps changes; null if there can be none.
 */
export function mountpointsOf(spec: Spec, facts: Facts): Mountpoints | null {
  const paths = mountpointPaths(spec, facts);
  return paths.length ? new Mountpoints(spec.root.path, paths) : null;
}

/** The mountpoints that a plan makes there if they are missing. */
export function mountpointPaths(
  { mounts = [] }: Spec,
  { rootKind, overlay }: Facts,
): string[] {
  if (rootKind !== "directory" || overlay) return [];
  const earlier = new Set<string>();
  const paths = mounts.filter(({ type, destination }) => {
    // A path below another mount is created in that mount's file system.
    const isInRoot = !earlier.has("") &&
      !directoriesAbove(destination).some((above) => earlier.has(above));
    earlier.add(destination.replace(/\/+$/, ""));
    return isInRoot && !ASKED_FOR.has(type ?? "");
  }).map(({ destination }) => destination);
  return [...new Set(paths)];
}

/**
 * The types of `--dir`, `--file` and `--symlink`: the user has asked for these
 * paths.
 */
const ASKED_FOR = new Set(["directory", "file", "symlink"]);

function missingIn(root: string, paths: readonly string[]): string[] {
  try {
    using directory = open(root, O.O_PATH | O.O_DIRECTORY);
    return paths.filter((path) => {
      using found = openInRoot(directory, path, O.O_PATH);
      return found === null;
    });
  } catch (error) {
    // A caller that cannot look cannot create mountpoints either.
    if (error instanceof SyscallError) return [];
    throw error;
  }
}

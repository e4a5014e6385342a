/**
 * Removes a container's cgroup in one tree. Runs on the host.
 *
 * @module
 */

import { AT_FDCWD } from "../ffi/fcntl.ts";
import { syscall } from "../ffi/libc.ts";
import { cString } from "../ffi/memory.ts";
import { ContainerError } from "../spec/errors.ts";
import { codeOf } from "./apply.ts";
import { Cgroup } from "./manager.ts";
import { sleep } from "./sleep.ts";
import { visitTree } from "./tree.ts";

/** The time in milliseconds that processes may take to die. */
const DEATH = 10_000;
/**
 * The time in milliseconds that processes may take that are dying already: they
 * end with a parent that was killed.
 */
const DYING = 2_000;

/** The cgroup to remove. */
interface Removed {
  version: 1 | 2;
  path: string;
  /** v1: the cgroup that can freeze its processes. */
  freezer?: string;
}

/**
 * Kills the processes in a cgroup, and removes it with the cgroups below. Does
 * nothing if it is gone already.
 *
 * @throws ContainerError if the kernel still finds it busy
 */
export function removeCgroup({ version, path, freezer }: Removed): void {
  const controllers = freezer === path ? ["freezer"] : [];
  const cgroup = new Cgroup({
    id: "",
    groups: [{ version, controllers, path }],
  });
  const started = performance.now();
  for (let delay = 0.1; !removeTree(path); delay = Math.min(delay * 2, 20)) {
    cgroup.kill(freezer);
    if (performance.now() - started > DEATH) {
      throw new ContainerError(
        `Cannot remove the cgroup ${path}: it is still busy`,
        { hint: "Find out what mounts or uses it: lsns --type cgroup" },
      );
    }
    // A dead process that has not been reaped keeps its cgroup busy for a
    // moment.
    sleep(delay);
  }
}

/**
 * Removes a cgroup that may be another container's: only if it is empty, or
 * soon will be. Kills nothing.
 */
export function removeUnused(path: string): void {
  const end = performance.now() + DYING;
  for (let delay = 0.1; !removeDirectory(path); delay *= 2) {
    if (performance.now() > end) return;
    sleep(Math.min(delay, 20));
  }
}

/** Removes a cgroup and those below it; returns whether all are gone. */
function removeTree(path: string): boolean {
  if (removeDirectory(path)) return true;
  visitTree(path, { leave: removeDirectory });
  return removeDirectory(path);
}

const AT_REMOVEDIR = 0x200;

/**
 * rmdir(2); returns true if there is no such directory now, false if it is busy
 * or not empty. A file is left alone, which Deno.removeSync() would remove.
 */
export function removeDirectory(path: string): boolean {
  try {
    syscall("unlinkat", AT_FDCWD, cString(path), AT_REMOVEDIR);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (["ENOENT", "ENOTDIR", "ENODEV"].includes(code)) return true;
    if (["EBUSY", "ENOTEMPTY"].includes(code)) return false;
    throw error;
  }
}

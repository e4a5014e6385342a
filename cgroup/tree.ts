/**
 * Visits a cgroup and those below it. A container that may make cgroups can
 * make paths that are too long for any system call. So each directory is
 * entered through a descriptor of the one above, and left by its `..`. Runs on
 * the host.
 *
 * @module
 */

import { SyscallError } from "../ffi/errno.ts";
import { type Descriptor, O, open } from "../ffi/fcntl.ts";
import { codeOf } from "./apply.ts";

const GONE = ["ENOENT", "ENODEV"];

const pathOf = ({ fd }: Descriptor) => `/proc/self/fd/${fd}`;

/** Callbacks for a tree; their paths are valid during the call only. */
export interface Visitor {
  /** Called for each cgroup, before those below it. */
  enter?(path: string): void;
  /** Called for each cgroup except the top, after those below it. */
  leave?(path: string): void;
}

/** Visits a tree; skips cgroups that are gone or disappear meanwhile. */
export function visitTree(
  top: string,
  { enter = () => {}, leave = () => {} }: Visitor,
): void {
  let current = enterDirectory(top);
  if (!current) return;
  try {
    const names: string[] = [];
    enter(pathOf(current));
    const left = [childrenOf(current)];
    for (;;) {
      const child = left.at(-1)!.pop();
      const next = enterDirectory(`${pathOf(current)}/${child ?? ".."}`);
      if (child !== undefined) {
        if (!next) continue;
        current.close();
        current = next;
        names.push(child);
        enter(pathOf(current));
        left.push(childrenOf(current));
        continue;
      }
      const name = names.pop();
      left.pop();
      if (name === undefined || !next) {
        next?.close();
        return;
      }
      current.close();
      current = next;
      leave(`${pathOf(current)}/${name}`);
    }
  } finally {
    current.close();
  }
}

function enterDirectory(path: string): Descriptor | null {
  try {
    return open(path, O.O_PATH | O.O_DIRECTORY);
  } catch (error) {
    if (error instanceof SyscallError && GONE.includes(error.code)) return null;
    throw error;
  }
}

function childrenOf(directory: Descriptor): string[] {
  try {
    return [...Deno.readDirSync(pathOf(directory))]
      .filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
  } catch (error) {
    if (GONE.includes(codeOf(error))) return [];
    throw error;
  }
}

/**
 * Finds out which system calls the kernel has, without effects: each call is
 * made with arguments that every kernel with this call refuses.
 */

import { AT_FDCWD } from "./fcntl.ts";
import { ERRNO, errnoName } from "./errno.ts";
import { rawSyscall } from "./libc.ts";
import { cString } from "./memory.ts";

const ALL_FLAGS = 0xffffffff;
const W_OK = 2;
const LANDLOCK_CREATE_RULESET_VERSION = 1;

const REFUSED = {
  /** A struct smaller than its first version. */
  clone3: () => rawSyscall("clone3", null, 0),
  /** A range that ends before it begins. */
  close_range: () => rawSyscall("close_range", 1, 0, 0),
  /** A struct smaller than its first version. */
  openat2: () => rawSyscall("openat2", -1, null, null, 0),
  /** No process has this number. */
  pidfd_open: () => rawSyscall("pidfd_open", -1, 0),
  /** A struct smaller than its first version. */
  mount_setattr: () => rawSyscall("mount_setattr", -1, null, 0, null, 0),
  /** Flags that do not exist. */
  open_tree: () => rawSyscall("open_tree", -1, null, ALL_FLAGS),
  /** Flags that do not exist; EPERM for a caller that may not mount. */
  fsopen: () => rawSyscall("fsopen", null, ALL_FLAGS),
} as const;

/** A call that {@linkcode probeCall} can probe. */
export type ProbedCall = keyof typeof REFUSED;

/** The calls that can be probed. */
export const PROBED_CALLS = Object.keys(REFUSED) as ProbedCall[];

/** The kernel's answer: ENOSYS if it does not have the call. */
export function probeCall(call: ProbedCall): string {
  const result = REFUSED[call]();
  return result < 0 ? errnoName(-result) : "success";
}

/** The version of Landlock, or the errno if there is none. */
export function landlockVersion(): number | string {
  const result = rawSyscall(
    "landlock_create_ruleset",
    null,
    0,
    LANDLOCK_CREATE_RULESET_VERSION,
  );
  return result < 0 ? errnoName(-result) : result;
}

/**
 * Whether this process may write to a path, faccessat(2); false on a read-only
 * mount as well.
 */
export function mayWrite(path: string): boolean {
  return rawSyscall("faccessat", AT_FDCWD, cString(path), W_OK) === 0;
}

/** Whether a file has an extended attribute, getxattr(2). */
export function hasAttribute(path: string, name: string): boolean {
  const result = rawSyscall(
    "getxattr",
    cString(path),
    cString(name),
    null,
    0,
  );
  return result >= 0 || -result === ERRNO.ERANGE;
}

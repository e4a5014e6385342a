/** openat2(2): a path that cannot leave its root. */

import { Descriptor, O } from "./fcntl.ts";
import { rawSyscall } from "./libc.ts";
import { errnoName, SyscallError } from "./errno.ts";
import { cString } from "./memory.ts";

/** Links that the kernel makes up, as those in /proc/PID/fd, are not followed. */
export const RESOLVE_NO_MAGICLINKS = 2n;
const RESOLVE_IN_ROOT = 16n;
/** Of struct open_how. */
export const OPEN_HOW_SIZE = 24;

/** struct open_how. */
export const openHow = (
  flags: number,
  resolve: bigint,
): Uint8Array<ArrayBuffer> =>
  new Uint8Array(new BigUint64Array([BigInt(flags), 0n, resolve]).buffer);

/**
 * Opens a path as a process would whose root is the directory behind `root`:
 * links and `..` lead nowhere but inside. Null where it does not exist.
 */
export function openInRoot(
  root: Descriptor,
  path: string,
  flags: number,
): Descriptor | null {
  const result = rawSyscall(
    "openat2",
    root.fd,
    cString(path),
    openHow(flags | O.O_CLOEXEC, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS),
    OPEN_HOW_SIZE,
  );
  if (result >= 0) return new Descriptor(result);
  const code = errnoName(-result);
  if (code === "ENOENT" || code === "ENOTDIR") return null;
  throw new SyscallError(
    "openat2",
    code,
    `open ${path} in the root filesystem`,
  );
}

/** The text of a file below a root; null where there is none. */
export function readInRoot(root: Descriptor, path: string): string | null {
  using file = openInRoot(root, path, O.O_RDONLY | O.O_NONBLOCK);
  return file && Deno.readTextFileSync(`/proc/self/fd/${file.fd}`);
}

/** openat2(2): a path that cannot leave its root. */

import { Descriptor, O } from "./fcntl.ts";
import { rawSyscall } from "./libc.ts";
import { errnoName, SyscallError } from "./errno.ts";
import { cString } from "./memory.ts";

const RESOLVE_NO_MAGICLINKS = 2n;
const RESOLVE_IN_ROOT = 16n;
const OPEN_HOW_SIZE = 24;

/**
 * Opens a path as a process would whose root is the directory behind `root`:
 * links and `..` lead nowhere but inside. Null where it does not exist.
 */
export function openInRoot(
  root: Descriptor,
  path: string,
  flags: number,
): Descriptor | null {
  const how = new BigUint64Array([
    BigInt(flags | O.O_CLOEXEC),
    0n,
    RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
  ]);
  const result = rawSyscall(
    "openat2",
    root.fd,
    cString(path),
    new Uint8Array(how.buffer),
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

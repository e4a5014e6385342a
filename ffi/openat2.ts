/** openat2(2): a path that cannot leave its root. */

import { Descriptor, O, open, readAt } from "./fcntl.ts";
import { rawSyscall } from "./libc.ts";
import { errnoName, SyscallError } from "./errno.ts";
import { cString } from "./memory.ts";

/** Links that the kernel makes up, as those in /proc/PID/fd, are not followed. */
export const RESOLVE_NO_MAGICLINKS = 2n;
/** Nothing that is mounted on the way is entered. */
export const RESOLVE_NO_XDEV = 1n;
/** The directory that a path begins at is its root. */
export const RESOLVE_IN_ROOT = 16n;
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
  resolve = 0n,
): Descriptor | null {
  const result = rawSyscall(
    "openat2",
    root.fd,
    cString(path),
    openHow(
      flags | O.O_CLOEXEC,
      RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve,
    ),
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

/** A list of accounts that is larger is none. */
const MOST = 1 << 20;

/**
 * The text of a small file below a root; null where there is none. Whoever the
 * files are of may have put anything there: what is no regular file is not even
 * opened, since that does something with a device, and of a pipe there is no
 * end.
 */
export function readInRoot(root: Descriptor, path: string): string | null {
  using place = openInRoot(root, path, O.O_PATH);
  if (!place) return null;
  const found = `/proc/self/fd/${place.fd}`;
  const { isFile, size } = Deno.statSync(found);
  if (!isFile || size > MOST) return null;
  // By the descriptor: at its name there may be something else by now.
  using file = open(found, O.O_RDONLY);
  const bytes = new Uint8Array(MOST);
  let length = 0;
  for (let count = 1; count > 0 && length < MOST; length += count) {
    count = readAt(file.fd, bytes.subarray(length), length);
  }
  return new TextDecoder().decode(bytes.subarray(0, length));
}

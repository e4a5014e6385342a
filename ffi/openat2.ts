/** openat2(2): paths that cannot leave their root. */

import { Descriptor, O, open, readAt } from "./fcntl.ts";
import { rawSyscall } from "./libc.ts";
import { errnoName, SyscallError } from "./errno.ts";
import { cString } from "./memory.ts";
import { toText } from "./text.ts";

/**
 * Does not follow the kernel's magic links, for example those in /proc/PID/fd.
 */
export const RESOLVE_NO_MAGICLINKS = 2n;
/** No link in any part of the path. */
export const RESOLVE_NO_SYMLINKS = 4n;
/** Does not cross into other mounts. */
export const RESOLVE_NO_XDEV = 1n;
/** Treats the starting directory as the root. */
export const RESOLVE_IN_ROOT = 16n;
/** The size of struct open_how. */
export const OPEN_HOW_SIZE = 24;

/** struct open_how. */
export const openHow = (
  flags: number,
  resolve: bigint,
): Uint8Array<ArrayBuffer> =>
  new Uint8Array(new BigUint64Array([BigInt(flags), 0n, resolve]).buffer);

/**
 * Opens a path with the directory `root` as root: links and `..` cannot leave
 * it. Returns null if the path does not exist.
 *
 * @throws SyscallError for any other error
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

/** A list of accounts is never larger than this. */
const MOST = 1 << 20;

/**
 * Reads a small file below a root; returns null if there is none. The files are
 * not trusted. Only a regular file is opened: opening a device can have
 * effects, and a pipe may have no end.
 */
export function readInRoot(root: Descriptor, path: string): string | null {
  using place = openInRoot(root, path, O.O_PATH);
  if (!place) return null;
  const found = `/proc/self/fd/${place.fd}`;
  const { isFile, size } = Deno.statSync(found);
  if (!isFile || size > MOST) return null;
  // Through the descriptor: the path may lead to another file by now.
  using file = open(found, O.O_RDONLY);
  const bytes = new Uint8Array(MOST);
  let length = 0;
  for (let count = 1; count > 0 && length < MOST; length += count) {
    count = readAt(file.fd, bytes.subarray(length), length);
  }
  return toText(bytes.subarray(0, length));
}

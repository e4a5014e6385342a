/**
 * Reads and writes of a descriptor on other threads: the file system may be slow
 * or hang. Runs on the host, in the program's process.
 */

import { errnoName } from "../../ffi/errno.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import { readInBackground, writeInBackground } from "../../ffi/poll.ts";
import { failure } from "./failures.ts";

/** Reads up to the length; 0 at the end. */
export async function readSome(
  what: string,
  fd: number,
  bytes: Uint8Array,
): Promise<number> {
  const count = await readInBackground(fd, bytes);
  if (count >= 0) return count;
  // The number of the error stays on the other thread.
  const again = rawSyscall("read", fd, bytes, bytes.length);
  if (again >= 0) return again;
  throw failure(what, errnoName(-again));
}

/** Writes some of the bytes. */
export async function writeSome(
  what: string,
  fd: number,
  bytes: Uint8Array,
): Promise<number> {
  if (!bytes.length) return 0;
  const count = await writeInBackground(fd, bytes);
  if (count >= 0) return count;
  const again = rawSyscall("write", fd, bytes, bytes.length);
  if (again >= 0) return again;
  throw failure(what, errnoName(-again));
}

/** Writes all of the bytes. */
export async function writeWhole(
  what: string,
  fd: number,
  bytes: Uint8Array,
): Promise<void> {
  for (let rest = bytes; rest.length;) {
    rest = rest.subarray(await writeSome(what, fd, rest.subarray(0, PIECE)));
  }
}

/** The most bytes of one read or write. */
export const PIECE = 4 * 1024 * 1024;

/** Reads to the end; `size` is what the file is expected to have. */
export async function readWhole(
  what: string,
  fd: number,
  size: number,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  let bytes = new Uint8Array(size);
  let length = 0;
  for (;;) {
    signal?.throwIfAborted();
    if (length === bytes.length) {
      // Nearly always the end: a file that grows, or has no size, goes on.
      const rest = new Uint8Array(4096);
      const count = await readSome(what, fd, rest);
      if (!count) return bytes;
      const more = new Uint8Array(2 * bytes.length + count);
      more.set(bytes);
      more.set(rest.subarray(0, count), length);
      bytes = more;
      length += count;
      continue;
    }
    const count = await readSome(
      what,
      fd,
      bytes.subarray(length, length + PIECE),
    );
    if (!count) return bytes.slice(0, length);
    length += count;
  }
}

/** Copies from the position of one file to that of another, to the end. */
export async function copyWhole(
  what: string,
  from: number,
  to: number,
): Promise<void> {
  const bytes = new Uint8Array(COPIED);
  for (;;) {
    const count = await readSome(what, from, bytes);
    if (!count) return;
    await writeWhole(what, to, bytes.subarray(0, count));
  }
}

/** The bytes of one step of a copy. */
const COPIED = 1024 * 1024;

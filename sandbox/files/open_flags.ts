/** What options mean for the kernel, and the kernel's errors for options. Pure. */

import { O } from "../../ffi/fcntl.ts";
import { O_APPEND, O_TRUNC } from "./calls.ts";
import type { OpenOptions, WriteFileOptions } from "./file_options.ts";
import { PIECE } from "./transfer_bytes.ts";

/** Pieces of data that are written one after another. */
export function* piecesOf(data: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < data.length; at += PIECE) {
    yield data.subarray(at, at + PIECE);
  }
}

/** The name of a system error. */
export const codeOf = (error: unknown): unknown =>
  error instanceof Error && "code" in error ? error.code : undefined;

/** The flags of open(2) for these options. */
export function flagsOf(
  { read, write, append, truncate, create, createNew }: OpenOptions,
): number {
  const writes = write || append;
  if (!read && !writes) {
    throw new TypeError("Cannot open a file: neither read, write nor append");
  }
  if (truncate && !write || (create || createNew) && !writes) {
    throw new TypeError(
      "Cannot open a file: truncate and create need write",
    );
  }
  return (read && writes ? O.O_RDWR : writes ? O.O_WRONLY : O.O_RDONLY) |
    (append ? O_APPEND : 0) | (truncate ? O_TRUNC : 0) |
    (create || createNew ? O.O_CREAT : 0) | (createNew ? O.O_EXCL : 0);
}

/** The flags of open(2) with which a file is written as a whole. */
export const writeFlags = (
  { append, create = true, createNew }: WriteFileOptions,
): number =>
  (append ? O_APPEND : O_TRUNC) | (create || createNew ? O.O_CREAT : 0) |
  (createNew ? O.O_EXCL : 0);

/**
 * The file with a container's record. A new record is written to another name
 * and renamed, so that a command that is killed leaves either the old record or
 * the new one. Runs on the host, in the command's process.
 *
 * A container that `run` records has a spare file of the same size. On a full
 * disk the new record is written into the spare, and the two files are
 * exchanged. The container can therefore be stopped, started and removed
 * without any free space.
 */

import { codeOf } from "../../cgroup/apply.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { AT_FDCWD } from "../../ffi/fcntl.ts";
import { syscall } from "../../ffi/libc.ts";
import { cString } from "../../ffi/memory.ts";
import { ContainerError, systemReason } from "../../spec/errors.ts";

const RECORD = "state.json";
const SPARE = "state.spare";
/** File sizes are a multiple of this, so that a record can grow in place. */
const BLOCK = 4096;
/** The least space that a record has for growing. */
const ROOM = 1024;
const RENAME_EXCHANGE = 2;

const encoder = new TextEncoder();

/** The text of a record; null if there is none. */
export function readRecord(path: string): string | null {
  try {
    return Deno.readTextFileSync(`${path}/${RECORD}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Whether an error says that the disk is full or the user's quota exceeded. */
export const isFull = (error: unknown): boolean =>
  ["ENOSPC", "E28", "EDQUOT", "E122"].includes(codeOf(error)) ||
  error instanceof ContainerError && error.cause !== undefined &&
    isFull(error.cause);

/**
 * Writes a record to a draft. The returned function makes it the current
 * record.
 *
 * @param spared whether the record has a spare file, which is created if
 * missing
 * @throws {ContainerError} if there is no space and no spare file
 */
export function draftRecord(
  path: string,
  text: string,
  spared: boolean,
): () => void {
  const bytes = encoder.encode(text);
  const padded = spared
    ? pad(bytes, BLOCK * Math.ceil((bytes.length + ROOM) / BLOCK))
    : bytes;
  const draft = `${path}/.${RECORD}.${Deno.pid}`;
  try {
    Deno.writeFileSync(draft, padded, { mode: 0o600 });
  } catch (error) {
    removeIfThere(draft);
    if (!isFull(error)) throw error;
    return writeSpare(path, bytes, error);
  }
  return () => {
    const isFirst = spared && sizeOf(`${path}/${SPARE}`) === null;
    if (isFirst) reserve(path, padded.length);
    Deno.renameSync(draft, `${path}/${RECORD}`);
    if (!isFirst && spared) keepSpare(path, padded.length);
  };
}

/** Pads a JSON text with spaces, which do not change its value. */
function pad(bytes: Uint8Array, size: number): Uint8Array {
  const padded = new Uint8Array(size).fill(" ".charCodeAt(0));
  padded.set(bytes);
  return padded;
}

function writeSpare(
  path: string,
  bytes: Uint8Array,
  cause: unknown,
): () => void {
  const spare = `${path}/${SPARE}`;
  const size = sizeOf(spare) ?? 0;
  if (size < bytes.length) throw noRoom(path, cause);
  const file = Deno.openSync(spare, { write: true });
  try {
    for (let rest = pad(bytes, size); rest.length;) {
      rest = rest.subarray(file.writeSync(rest));
    }
  } finally {
    file.close();
  }
  return () => exchange(spare, `${path}/${RECORD}`);
}

function exchange(one: string, other: string): void {
  try {
    syscall(
      "renameat2",
      AT_FDCWD,
      cString(one),
      AT_FDCWD,
      cString(other),
      RENAME_EXCHANGE,
    );
  } catch (error) {
    // This file system cannot exchange files. The old record's blocks become
    // free for the next write.
    if (!(error instanceof SyscallError) || error.code !== "EINVAL") {
      throw error;
    }
    Deno.renameSync(one, other);
  }
}

/** Creates the spare file, which reserves its space. */
function reserve(path: string, size: number): void {
  const spare = `${path}/${SPARE}`;
  try {
    Deno.writeFileSync(spare, pad(new Uint8Array(), size), { mode: 0o600 });
  } catch (error) {
    removeIfThere(spare);
    throw isFull(error) ? noRoom(path, error) : error;
  }
}

/**
 * Enlarges the spare file for a record that has grown. If that fails the
 * container has no sufficient spare for now.
 */
function keepSpare(path: string, size: number): void {
  if ((sizeOf(`${path}/${SPARE}`) ?? 0) >= size) return;
  try {
    reserve(path, size);
  } catch (error) {
    if (!(error instanceof ContainerError)) throw error;
  }
}

const noRoom = (path: string, cause: unknown) =>
  new ContainerError(
    `Cannot record the container in ${path}: ${systemReason(cause)}`,
    {
      hint: "Free some space, or choose another directory with --root.",
      cause,
    },
  );

function sizeOf(path: string): number | null {
  try {
    return Deno.statSync(path).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Removes a file that may not exist. */
export function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

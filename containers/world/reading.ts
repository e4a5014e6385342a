/**
 * The errors and results of Deno's reading functions, in the form of a World.
 * Runs on the host, in the process that asks for a container.
 */

import { ERRNO, type Errno, errnoName, SyscallError } from "../../ffi/errno.ts";
import type { FileInfo } from "./world.ts";

const PERMISSIONS = 0o7777;

/**
 * Calls a reading function of Deno.
 *
 * @throws {SyscallError} if the operating system refuses it
 */
export function reading<T>(call: string, path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const code = codeOf(error);
    throw code === null ? error : new SyscallError(call, code, `read ${path}`);
  }
}

/** The errno of an error of Deno; null if it is no error of the system. */
function codeOf(error: unknown): Errno | `E${number}` | null {
  if (!(error instanceof Error)) return null;
  const { code } = error as Error & { code?: string };
  if (code !== undefined && code in ERRNO) return code as Errno;
  // Deno has no code for ESRCH and some others, but its message has their
  // number.
  const number = /\(os error (\d+)\)/.exec(error.message)?.[1];
  return number === undefined ? null : errnoName(Number(number));
}

/** The part of Deno's information that decisions use. */
export function infoOf(info: Deno.FileInfo): FileInfo {
  const { mode, uid, gid, size, dev, ino, rdev } = info;
  return {
    type: typeOf(info),
    mode: (mode ?? 0) & PERMISSIONS,
    uid: uid ?? 0,
    gid: gid ?? 0,
    size: info.isDirectory ? 0 : size,
    dev,
    ino: ino ?? 0,
    rdev: rdev ?? 0,
  };
}

function typeOf(info: Deno.FileInfo): FileInfo["type"] {
  if (info.isFile) return "file";
  if (info.isDirectory) return "directory";
  if (info.isSymlink) return "link";
  if (info.isCharDevice) return "character device";
  if (info.isBlockDevice) return "block device";
  if (info.isFifo) return "fifo";
  return info.isSocket ? "socket" : "other";
}

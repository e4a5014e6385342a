/**
 * Paths for Deno's own functions, which take only UTF-8. Any other path is
 * opened, and named by its descriptor. Each descriptor is closed again.
 */

import { AT_FDCWD, O, open } from "./fcntl.ts";
import { syscall } from "./libc.ts";
import { cString } from "./memory.ts";
import { isText, isWhole, toText } from "./text.ts";

const PATH_MAX = 4096;

/** Calls a function with a path that leads to the same file. */
export function withPath<T>(path: string, use: (path: string) => T): T {
  if (isText(path)) return use(path);
  using file = open(path, O.O_PATH);
  return use(`/proc/self/fd/${file.fd}`);
}

/** lstat(2) of Deno, for any path. */
export function lstat(path: string): Deno.FileInfo {
  if (isText(path)) return Deno.lstatSync(path);
  using file = open(path, O.O_PATH | O.O_NOFOLLOW);
  return Deno.statSync(`/proc/self/fd/${file.fd}`);
}

/** readlink(2). */
export function readLink(path: string): string {
  const bytes = new Uint8Array(PATH_MAX);
  const length = syscall(
    "readlinkat",
    AT_FDCWD,
    cString(path),
    bytes,
    bytes.length,
  );
  return toText(bytes.subarray(0, length));
}

/** realpath(3). */
export function realPath(path: string): string {
  if (isText(path)) {
    try {
      const real = Deno.realPathSync(path);
      if (isWhole(real)) return real;
    } catch (error) {
      if (!(error instanceof Deno.errors.InvalidData)) throw error;
    }
  }
  using file = open(path, O.O_PATH);
  return readLink(`/proc/self/fd/${file.fd}`);
}

/** getcwd(3). */
export function workingDirectory(): string {
  const bytes = new Uint8Array(PATH_MAX);
  const length = syscall("getcwd", bytes, bytes.length);
  return toText(bytes.subarray(0, length - 1));
}

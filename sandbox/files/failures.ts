/** The errors of a sandbox's files: the classes that Deno has for them. Pure. */

import { type Errno, errnoText } from "../../ffi/errno.ts";

type ErrorClass = new (message: string) => Error;

const CLASSES: Readonly<Record<string, ErrorClass>> = {
  ENOENT: Deno.errors.NotFound,
  EACCES: Deno.errors.PermissionDenied,
  EPERM: Deno.errors.PermissionDenied,
  EEXIST: Deno.errors.AlreadyExists,
  ENOTDIR: Deno.errors.NotADirectory,
  EISDIR: Deno.errors.IsADirectory,
  ELOOP: Deno.errors.FilesystemLoop,
  EBUSY: Deno.errors.Busy,
  ETXTBSY: Deno.errors.Busy,
  EBADF: Deno.errors.BadResource,
  EINVAL: Deno.errors.InvalidData,
  EOPNOTSUPP: Deno.errors.NotSupported,
};

/** An error of an action on a path, with its `code`. */
export function failure(what: string, code: Errno | `E${number}`): Error {
  const { [code]: Class = Error } = CLASSES;
  const error = new Class(`Cannot ${what}: ${errnoText(code)}`);
  return Object.assign(error, { code });
}

/** What a file is if it is no regular one, by the bits of its type, inode(7). */
const TYPES: Readonly<Record<number, string>> = {
  0x1000: "a FIFO",
  0x2000: "a device",
  0x4000: "a directory",
  0x6000: "a device",
  0xc000: "a socket",
};

/** The error for a file that is no regular one. */
export function notRegular(what: string, type: number): Error {
  const message = `Cannot ${what}: it is ${TYPES[type] ?? "no regular file"}`;
  return type === 0x4000
    ? Object.assign(new Deno.errors.IsADirectory(message), { code: "EISDIR" })
    : new Deno.errors.NotSupported(message);
}

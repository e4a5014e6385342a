/** Formats the flags of open(2) as strace(1) does. Pure. */

import { AT_FDCWD, O } from "../../ffi/fcntl.ts";
import { RESOLVE_NO_MAGICLINKS, RESOLVE_NO_XDEV } from "../../ffi/openat2.ts";
import type { Argument, Call } from "../../launch/bytecode/call.ts";
import { flags, octal, plain, structure } from "./notation.ts";

/** In strace's order, which does not follow the values. */
const OPEN = {
  O_CREAT: O.O_CREAT,
  O_EXCL: O.O_EXCL,
  O_NOCTTY: O.O_NOCTTY,
  O_NONBLOCK: O.O_NONBLOCK,
  O_NOFOLLOW: O.O_NOFOLLOW,
  O_CLOEXEC: O.O_CLOEXEC,
  O_PATH: O.O_PATH,
  O_DIRECTORY: O.O_DIRECTORY,
};
const ACCESS = ["O_RDONLY", "O_WRONLY", "O_RDWR"] as const;
const ACCESS_MASK = 3;

/** The flags of open(2). */
export function openFlags(value: number): string {
  const access = ACCESS[value & ACCESS_MASK] ?? "O_ACCMODE";
  const rest = value & ~ACCESS_MASK;
  return rest ? `${access}|${flags(rest, OPEN)}` : access;
}

/** The directory that a path is relative to. */
export const at = (directory: Argument): string =>
  directory === AT_FDCWD ? "AT_FDCWD" : plain(directory);

/** openat(2). The mode is shown only if the call can create a file. */
export function openat({ args }: Call): string[] {
  const [directory, path, given, mode] = args;
  const value = Number(given);
  return [
    at(directory!),
    plain(path!),
    openFlags(value),
    ...(value & O.O_CREAT ? [octal(Number(mode))] : []),
  ];
}

const RESOLVE = {
  RESOLVE_NO_XDEV: Number(RESOLVE_NO_XDEV),
  RESOLVE_NO_MAGICLINKS: Number(RESOLVE_NO_MAGICLINKS),
};
/** The offset of `resolve` in struct open_how. */
const HOW_RESOLVE = 16;

/** openat2(2). It never creates a file here, so the mode is not shown. */
export function openat2({ args }: Call): string[] {
  const [directory, path, how, size] = args;
  const view = structure(how!);
  return [
    at(directory!),
    plain(path!),
    `{flags=${openFlags(Number(view.getBigUint64(0, true)))}, resolve=${
      flags(view.getBigUint64(HOW_RESOLVE, true), RESOLVE)
    }}`,
    plain(size!),
  ];
}

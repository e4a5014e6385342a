/**
 * Looks up a path of the container. Ordinary links stay inside the root, but
 * the kernel's magic links do not: /proc/PID/root is another process's root,
 * /proc/self/fd/7 an open file of ours, and a root filesystem may have links to
 * those. Magic links are never followed.
 */

import { AT_FDCWD, O } from "../../ffi/fcntl.ts";
import {
  OPEN_HOW_SIZE,
  openHow,
  RESOLVE_NO_MAGICLINKS,
} from "../../ffi/openat2.ts";
import type { Call } from "../bytecode/call.ts";
import type { Place } from "./kernel_filesystems.ts";

const SLOT = "inside";

const HOW = new Map<number, Uint8Array>();

/** One buffer per set of flags, so it is placed only once in the bytecode. */
function howInside(flags: number): Uint8Array {
  let how = HOW.get(flags);
  if (!how) HOW.set(flags, how = openHow(flags, RESOLVE_NO_MAGICLINKS));
  return how;
}

/** Opens a path. */
export const openInside = (
  path: string,
  flags: number,
  result: string,
): Call => ({
  name: "openat2",
  args: [
    AT_FDCWD,
    path,
    howInside(flags | O.O_CLOEXEC),
    OPEN_HOW_SIZE,
  ],
  result,
});

/**
 * The directory above a path: "/a/b" for "/a/b/c", "/" for a path at the top.
 */
const above = (parts: readonly string[]) => `/${parts.slice(0, -1).join("/")}`;

/**
 * A path as directory and name, for system calls that do not follow a link in
 * the last part.
 */
export function placeInside(path: string): Place {
  const parts = path.split("/").filter((part) => part);
  const name = parts.at(-1);
  // A path at the top has no directories on the way.
  if (name === undefined || parts.length === 1) {
    return { before: [], at: [AT_FDCWD, path], after: [] };
  }
  return {
    before: [openInside(above(parts), O.O_PATH | O.O_DIRECTORY, SLOT)],
    at: [{ slot: SLOT }, name],
    after: [{ name: "close", args: [{ slot: SLOT }] }],
  };
}

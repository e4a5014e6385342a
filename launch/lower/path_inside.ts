/**
 * Finding a path of the container's. Its links lead nowhere but inside, except
 * for those that the kernel makes up: /proc/PID/root is another process's root,
 * /proc/self/fd/7 whatever we have open there, and a root filesystem may have
 * links to them. None is followed.
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

/** One for all that are opened alike: it takes one place in an image. */
function howInside(flags: number): Uint8Array {
  let how = HOW.get(flags);
  if (!how) HOW.set(flags, how = openHow(flags, RESOLVE_NO_MAGICLINKS));
  return how;
}

/** Opens what is at a path. */
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

/** "/a/b/c" gives "/a/b"; "/" for what is at the top. */
const above = (parts: readonly string[]) => `/${parts.slice(0, -1).join("/")}`;

/** A path as a name in its directory, for the calls that follow no last link. */
export function placeInside(path: string): Place {
  const parts = path.split("/").filter((part) => part);
  const name = parts.at(-1);
  // Nothing is on the way to what is at the top.
  if (name === undefined || parts.length === 1) {
    return { before: [], at: [AT_FDCWD, path], after: [] };
  }
  return {
    before: [openInside(above(parts), O.O_PATH | O.O_DIRECTORY, SLOT)],
    at: [{ slot: SLOT }, name],
    after: [{ name: "close", args: [{ slot: SLOT }] }],
  };
}

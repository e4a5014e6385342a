/**
 * Gives copied files what their entries say: owner, mode, extended attributes
 * and time. Runs on the host, in the command's process.
 */

import { ERRNO } from "../../ffi/errno.ts";
import { O } from "../../ffi/fcntl.ts";
import {
  changeMode,
  changeModeAt,
  changeOwner,
  changeOwnerAt,
  close,
  type Name,
  openAt,
  S_IF,
  setAttribute,
  setTimes,
  setTimesAt,
  statusAt,
} from "../../ffi/files/files.ts";
import { isDropped } from "../layers/overlay_marks.ts";
import { type ByteString, nameOf } from "../tar/byte_string.ts";
import { pathError } from "../tar/errors.ts";
import type { Entry } from "../tar/tar_format.ts";

/** Whose a file is. */
export interface Owner {
  uid: number;
  gid: number;
}

/** @throws LayerError if a call has failed */
export function check(path: ByteString, call: string, result: number): number {
  if (result >= 0) return result;
  throw pathError("write", `/${path}`, call, result);
}

/**
 * Changes an open file. The owner comes first: a change of it takes setuid bits
 * away.
 *
 * @throws LayerError if that fails
 */
export function settle(
  fd: number,
  path: ByteString,
  { mode, attributes, modified }: Entry,
  { uid, gid }: Owner,
): void {
  check(path, "fchown", changeOwner(fd, uid, gid));
  check(path, "fchmod", changeMode(fd, mode));
  for (const [key, value] of attributes ?? []) {
    if (isDropped(key)) continue;
    const result = setAttribute(fd, nameOf(key), value);
    // The file system or this user cannot have it, as with docker.
    if (result === -ERRNO.EPERM || result === -ERRNO.EOPNOTSUPP) continue;
    check(path, "setxattr", result);
  }
  check(path, "utimensat", setTimes(fd, modified));
}

const PATH_ONLY = O.O_PATH | O.O_NOFOLLOW | O.O_CLOEXEC;

/**
 * Changes a file that is not opened: a link, a device or a pipe.
 *
 * @throws LayerError if that fails
 */
export function settleAt(
  directory: number,
  name: Name,
  path: ByteString,
  { kind, mode, modified }: Entry,
  { uid, gid }: Owner,
): void {
  check(path, "fchownat", changeOwnerAt(directory, name, uid, gid));
  if (kind !== "symbolicLink") {
    // Held by a descriptor: the container may replace it by a link.
    const held = check(path, "openat", openAt(directory, name, PATH_ONLY));
    const status = statusAt(held, nameOf(""));
    const isLink = typeof status === "number" ||
      (status.mode & S_IF.mask) === S_IF.link;
    const place = nameOf(`/proc/self/fd/${held}`);
    const changed = isLink ? 0 : changeModeAt(held, place, mode);
    close(held);
    check(path, "fchmodat", changed);
  }
  check(path, "utimensat", setTimesAt(directory, name, modified));
}

/** Gives a directory what another one has: owner, mode, attributes and time. */

import { AT_FDCWD } from "../../ffi/fcntl.ts";
import {
  changeMode,
  changeOwner,
  close,
  makeDirectoryAt,
  openAt,
  setAttribute,
  setTimes,
  type Status,
} from "../../ffi/files/files.ts";
import { type ByteString, fromText, nameOf } from "../tar/byte_string.ts";
import { pathError } from "../tar/errors.ts";
import { readAttributes } from "./attribute_list.ts";
import { DIRECTORY } from "./directories.ts";
import { MergedTree } from "./merged_tree.ts";
import { isOwn } from "./overlay_marks.ts";

/**
 * Makes an open directory like another one.
 *
 * @throws LayerError
 */
export function likeDirectory(
  to: number,
  from: number,
  { uid, gid, mode, modified }: Status,
  path: ByteString,
): void {
  const attributes = readAttributes(from);
  if (typeof attributes === "number") {
    throw pathError("read", path, "listxattr", attributes);
  }
  const check = (call: string, result: number) => {
    if (result < 0) throw pathError("change", path, call, result);
  };
  // A change of the owner removes the setgid bit.
  check("fchown", changeOwner(to, uid, gid));
  check("fchmod", changeMode(to, mode & 0o7777));
  for (const [key, value] of attributes) {
    if (isOwn(key)) continue;
    check("setxattr", setAttribute(to, nameOf(key), value));
  }
  check("utimensat", setTimes(to, modified));
}

/**
 * Makes the directory for a container's changes. An overlay shows its root with
 * the owner, mode and time of this directory, so it gets those of the image.
 * Runs in the process that unpacks.
 *
 * @param layers the layers of the image, the top first
 * @throws LayerError if it cannot be made
 */
export function makeUpper(path: string, layers: readonly string[]): void {
  const name = nameOf(fromText(path));
  const made = makeDirectoryAt(AT_FDCWD, name, 0o700);
  if (made < 0) throw pathError("create", fromText(path), "mkdirat", made);
  using tree = new MergedTree(layers.slice(0, 1));
  using root = tree.find("");
  const to = openAt(AT_FDCWD, name, DIRECTORY);
  if (to < 0) throw pathError("open", fromText(path), "openat", to);
  try {
    if (root) likeDirectory(to, root.directory, root.status, fromText(path));
  } finally {
    close(to);
  }
}

/** Copies one file of a layer to another layer, with everything it has. */

import { ERRNO } from "../../ffi/errno.ts";
import { O } from "../../ffi/fcntl.ts";
import {
  changeMode,
  changeModeAt,
  changeOwner,
  changeOwnerAt,
  close,
  copyRange,
  makeNodeAt,
  openAt,
  S_IF,
  seekData,
  seekHole,
  setAttribute,
  setSize,
  setTimes,
  setTimesAt,
  symlinkAt,
} from "../../ffi/files/files.ts";
import { readAttributes } from "./attribute_list.ts";
import { type ByteString, nameOf } from "../tar/byte_string.ts";
import { linkTarget } from "./directories.ts";
import { pathError } from "../tar/errors.ts";
import type { Found } from "./merged_tree.ts";

const NEW = O.O_WRONLY | O.O_CREAT | O.O_EXCL | O.O_NOFOLLOW | O.O_CLOEXEC;
const OLD = O.O_RDONLY | O.O_NOFOLLOW | O.O_NONBLOCK | O.O_CLOEXEC;

/** Attributes of overlayfs are about its place in the other layer. */
const OVERLAY = /^(trusted|user)\.overlay\./;

/**
 * Copies a file that is not a directory.
 *
 * @throws LayerError if that fails
 */
export function copyFile(
  source: Found,
  directory: number,
  base: ByteString,
): void {
  const { status: { mode, uid, gid, modified, device }, path } = source;
  const name = nameOf(base);
  const check = (call: string, result: number) => {
    if (result < 0) throw pathError("copy", path, call, result);
    return result;
  };
  const place = (fd: number, name: ByteString) =>
    nameOf(`/proc/self/fd/${fd}/${name}`);
  const attributes = readAttributes(place(source.directory, source.name));
  if (typeof attributes === "number") {
    throw pathError("copy", path, "listxattr", attributes);
  }
  const permissions = mode & 0o7777;
  const setAttributes = (to: number | ReturnType<typeof place>) => {
    for (const [key, value] of attributes) {
      if (OVERLAY.test(key)) continue;
      check("setxattr", setAttribute(to, nameOf(key), value));
    }
  };
  const type = mode & S_IF.mask;
  if (type === S_IF.regular) {
    const to = check("openat", openAt(directory, name, NEW, 0o600));
    try {
      copyContent(source, to, check);
      check("fchown", changeOwner(to, uid, gid));
      check("fchmod", changeMode(to, permissions));
      setAttributes(to);
      check("utimensat", setTimes(to, modified));
    } finally {
      close(to);
    }
    return;
  }
  if (type === S_IF.link) {
    const target = linkTarget(source.directory, source.name, path);
    check("symlinkat", symlinkAt(nameOf(target), directory, name));
  } else check("mknodat", makeNodeAt(directory, name, type, device));
  check("fchownat", changeOwnerAt(directory, name, uid, gid));
  if (type !== S_IF.link) {
    check("fchmodat", changeModeAt(directory, name, permissions));
  }
  setAttributes(place(directory, base));
  check("utimensat", setTimesAt(directory, name, modified));
}

/** Copies the content; holes stay holes, and file systems may share blocks. */
function copyContent(
  { directory, name, status: { size } }: Found,
  to: number,
  check: (call: string, result: number) => number,
): void {
  const from = check("openat", openAt(directory, nameOf(name), OLD));
  try {
    check("ftruncate", setSize(to, size));
    for (let at = 0; at < size;) {
      const start = seekData(from, at);
      if (start === -ERRNO.ENXIO) return;
      const end = check("lseek", seekHole(from, check("lseek", start)));
      for (at = start; at < end;) {
        const copied = check(
          "copy_file_range",
          copyRange(from, to, at, end - at),
        );
        if (!copied) return;
        at += copied;
      }
    }
  } finally {
    close(from);
  }
}

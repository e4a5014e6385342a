/**
 * Removes a directory of a layer and everything in it. The depth of a tree that
 * came from an archive has no limit, so paths of it may be too long for the
 * kernel, and descriptors too few: this goes down and up by `..`, with one
 * descriptor. Links are never followed.
 */

import { ERRNO } from "../../ffi/errno.ts";
import { O } from "../../ffi/fcntl.ts";
import {
  AT_REMOVEDIR,
  close,
  openAt,
  unlinkAt,
} from "../../ffi/files/files.ts";
import { type ByteString, nameOf } from "../tar/byte_string.ts";
import {
  type DirectoryEntry,
  DT_DIR,
  DT_UNKNOWN,
  nextEntries,
} from "./directory_entries.ts";
import { pathError } from "../tar/errors.ts";

const FLAGS = O.O_RDONLY | O.O_DIRECTORY | O.O_NOFOLLOW | O.O_CLOEXEC;

const UP = nameOf("..");

/** Deeper levels read their entries again, to save memory. */
const MOST_KEPT = 64;

/** A directory that is being emptied. */
interface Level {
  name: ByteString;
  /** What is left of the entries that were read. */
  entries: DirectoryEntry[];
}

/**
 * Removes whatever has this name in an open directory. Nothing there is as good.
 *
 * @param removed is told the inode of each directory
 * @throws LayerError if something cannot be removed
 */
export function removeTree(
  directory: number,
  name: ByteString,
  removed: (inode: bigint) => void = () => {},
): void {
  const first = unlinkAt(directory, nameOf(name));
  if (first === 0 || first === -ERRNO.ENOENT) return;
  if (first !== -ERRNO.EISDIR && first !== -ERRNO.EPERM) {
    throw pathError("remove", name, "unlinkat", first);
  }
  const levels: Level[] = [];
  let fd = directory;
  const path = () => levels.map(({ name }) => name).join("/");
  /** @param below what has failed in the current directory */
  const check = (call: string, result: number, below = "") => {
    if (result >= 0) return result;
    throw pathError(
      "remove",
      below ? `${path()}/${below}` : path(),
      call,
      result,
    );
  };
  const move = (to: number) => {
    if (fd !== directory) close(fd);
    fd = to;
  };
  const enter = (name: ByteString) => {
    move(check("openat", openAt(fd, nameOf(name), FLAGS), name));
    // A directory that was opened again is read from its start.
    const above = levels.at(-1);
    if (above && levels.length > MOST_KEPT) above.entries = [];
    levels.push({ name, entries: [] });
  };
  try {
    enter(name);
    while (levels.length) {
      const level = levels.at(-1)!;
      if (!level.entries.length) {
        const entries = nextEntries(fd);
        if (typeof entries === "number") check("getdents64", entries);
        else level.entries = entries;
      }
      const entry = level.entries.pop();
      if (entry) {
        if (entry.type !== DT_DIR) {
          const result = unlinkAt(fd, nameOf(entry.name));
          if (result === 0 || result === -ERRNO.ENOENT) continue;
          if (entry.type !== DT_UNKNOWN || result !== -ERRNO.EISDIR) {
            check("unlinkat", result, entry.name);
          }
        }
        removed(entry.inode);
        enter(entry.name);
        continue;
      }
      levels.pop();
      const isTop = levels.length === 0;
      move(isTop ? directory : check("openat", openAt(fd, UP, FLAGS)));
      const flags = AT_REMOVEDIR;
      check("unlinkat", unlinkAt(fd, nameOf(level.name), flags), level.name);
    }
  } finally {
    if (fd !== directory) close(fd);
  }
}

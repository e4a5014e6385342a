/**
 * Goes through a directory of a container in the order of its names. A process
 * of the container may change it meanwhile, so nothing is opened by a path, no
 * link is followed, and the way up is checked.
 */

import { ERRNO } from "../../ffi/errno.ts";
import { AT_FDCWD, O } from "../../ffi/fcntl.ts";
import {
  close,
  openAt,
  S_IF,
  type Status,
  statusAt,
} from "../../ffi/files/files.ts";
import { type ByteString, fromText, nameOf } from "../tar/byte_string.ts";
import { DIRECTORY } from "./directories.ts";
import { sortedEntries } from "./directory_entries.ts";
import { LayerError, pathError, quoted } from "../tar/errors.ts";

/** Longer paths can be made, but not named. */
const MOST_PATH_BYTES = 4095;

/** How many directories are open at once; those above are opened again. */
const MOST_OPEN = 64;

/** A file that the walk has reached. */
export interface Visited {
  /** From the root of the walk, without a slash at its start; "" for the root. */
  path: ByteString;
  /** The open directory that it is in, and its name there. */
  directory: number;
  name: ByteString;
  status: Status;
  /** The file itself, if it is a directory. */
  fd: number | null;
}

interface Level {
  path: ByteString;
  name: ByteString;
  inode: bigint;
  fd: number | null;
  /** The names that are left, the next one last. */
  names: ByteString[];
}

/**
 * Visits a directory, and everything in it after it. Files that disappear
 * meanwhile are left out.
 *
 * @param enters false for a directory whose content is left out
 * @throws LayerError if something cannot be read
 */
export function* walkTree(
  top: string,
  enters: (path: ByteString) => boolean = () => true,
): Generator<Visited> {
  const fd = openAt(AT_FDCWD, nameOf(fromText(top)), DIRECTORY);
  if (fd < 0) throw pathError("open", fromText(top), "openat", fd);
  const levels: Level[] = [];
  const enter = (level: Level) => {
    levels.push(level);
    const far = levels.at(-1 - MOST_OPEN);
    if (far?.fd == null) return;
    close(far.fd);
    far.fd = null;
  };
  try {
    const status = statusAt(fd, SELF);
    if (typeof status === "number") {
      throw pathError("read", "", "statx", status);
    }
    enter({ path: "", name: ".", inode: status.inode, fd, names: [] });
    yield { path: "", directory: fd, name: ".", status, fd };
    levels[0]!.names = enters("") ? namesIn(fd, "") : [];
    while (levels.length) {
      const level = levels.at(-1)!;
      const name = level.names.pop();
      if (name === undefined) {
        if (levels.length > 1) reopen(levels.at(-2)!, level);
        close(level.fd!);
        level.fd = null;
        levels.pop();
        continue;
      }
      const path = level.path ? `${level.path}/${name}` : name;
      if (path.length > MOST_PATH_BYTES) {
        throw new LayerError(
          `Cannot read ${
            quoted(path.slice(0, 80) + "…")
          }: its path has more than ${MOST_PATH_BYTES} bytes`,
          { hint: "Remove it first." },
        );
      }
      const visited = visit(level.fd!, name, path);
      if (!visited) continue;
      if (visited.fd === null) {
        yield visited;
        continue;
      }
      // A caller that stops here closes it with the other levels.
      const { inode } = visited.status;
      const below = { path, name, inode, fd: visited.fd, names: [] };
      enter(below);
      yield visited;
      if (enters(path)) levels.at(-1)!.names = namesIn(visited.fd, path);
    }
  } finally {
    for (const { fd } of levels) if (fd !== null) close(fd);
  }
}

const SELF = nameOf("");
const UP = nameOf("..");
const PATH = O.O_RDONLY | O.O_DIRECTORY | O.O_NOFOLLOW | O.O_CLOEXEC;

/** The names in a directory, the first one last. */
function namesIn(fd: number, path: ByteString): ByteString[] {
  const entries = sortedEntries(fd);
  if (typeof entries === "number") {
    throw pathError("read", path, "getdents64", entries);
  }
  return entries.map(({ name }) => name).reverse();
}

function visit(
  directory: number,
  name: ByteString,
  path: ByteString,
): Visited | null {
  const place = nameOf(name);
  const status = statusAt(directory, place);
  if (typeof status === "number") {
    if (status === -ERRNO.ENOENT) return null;
    throw pathError("read", path, "statx", status);
  }
  if ((status.mode & S_IF.mask) !== S_IF.directory) {
    return { path, directory, name, status, fd: null };
  }
  const fd = openAt(directory, place, DIRECTORY);
  if (fd === -ERRNO.ENOENT) return null;
  if (fd < 0) throw pathError("open", path, "openat", fd);
  const own = statusAt(fd, SELF);
  if (typeof own === "number") {
    close(fd);
    throw pathError("read", path, "statx", own);
  }
  return { path, directory, name, status: own, fd };
}

/** Opens a directory again from the one below it. */
function reopen(level: Level, below: Level): void {
  if (level.fd !== null) return;
  const fd = openAt(below.fd!, UP, PATH);
  if (fd < 0) throw pathError("open", level.path, "openat", fd);
  const status = statusAt(fd, SELF);
  // Whoever moves a directory would lead the walk out of the tree.
  if (typeof status !== "number" && status.inode === level.inode) {
    level.fd = fd;
    return;
  }
  close(fd);
  throw new LayerError(
    `Cannot read ${quoted(below.path)}: it was moved meanwhile`,
    { hint: "Pause or stop the container first." },
  );
}

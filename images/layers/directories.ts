/**
 * The open directories of a layer that is being unpacked. Runs in the process
 * that unpacks.
 *
 * A directory is opened below the layer's root with openat2(RESOLVE_IN_ROOT), so
 * no link in the layer leads out of it, and is kept open as long as entries for
 * it follow each other. Each new entry changes the directory's time of
 * modification. The wanted time is on the disk before a directory is opened, and
 * is put back when it is closed, so no list of all directories is needed.
 */

import { ERRNO } from "../../ffi/errno.ts";
import { O } from "../../ffi/fcntl.ts";
import {
  changeMode,
  changeOwner,
  close,
  makeDirectoryAt,
  openAt,
  readLinkAt,
  S_IF,
  setTimes,
  type Status,
  statusAt,
  type Time,
  unlinkAt,
} from "../../ffi/files/files.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import {
  OPEN_HOW_SIZE,
  openHow,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_XDEV,
} from "../../ffi/openat2.ts";
import { type ByteString, byteString, nameOf } from "../tar/byte_string.ts";
import { entryError, refused } from "../tar/errors.ts";
import { isWhiteout, makeOpaque } from "./overlay_marks.ts";

export const DIRECTORY = O.O_RDONLY | O.O_DIRECTORY | O.O_NOFOLLOW |
  O.O_CLOEXEC;

/** A directory that is open. */
export interface OpenDirectory {
  readonly fd: number;
  readonly inode: bigint;
  /** Its group, which new files may inherit. */
  gid: number;
  /** The time that it will have. */
  modified: Time;
  /** Its time on the disk has changed. */
  touched: boolean;
  /** How many paths lead to it here. */
  paths: number;
}

/** More are closed; below the usual limit of 1024 for several layers at once. */
const MOST_OPEN = 24;

/** As the kernel: MAXSYMLINKS. */
const MOST_LINKS = 40;

/** The mode of a directory that no entry describes. */
const IMPLIED_MODE = 0o755;

/** What an archive makes us remember must not fill the memory. */
const MOST_IMPLIED_BYTES = 1 << 23;
/** What each costs in addition to its path. */
const IMPLIED_COST = 64;

const SELF = nameOf("");

const HOW = openHow(
  O.O_RDONLY | O.O_DIRECTORY | O.O_CLOEXEC,
  RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
);

/** The open directories of one layer. */
export class Directories implements Disposable {
  readonly #root: number;
  readonly #byPath = new Map<ByteString, OpenDirectory>();
  /** The last key of that map. */
  #newest: ByteString | null = null;
  readonly #byInode = new Map<bigint, OpenDirectory>();
  /** The directories that no entry has described yet, and their paths. */
  readonly implied = new Map<bigint, ByteString>();
  #impliedBytes = 0;

  /** @param root the layer's root, which stays the caller's */
  constructor(root: number) {
    this.#root = root;
  }

  /**
   * Opens a directory; makes what is missing of it.
   *
   * @param entry for messages, and its time for what is made
   * @throws LayerError if a part of the path is not a directory
   */
  at(
    path: ByteString,
    entry: { name: ByteString; modified: Time },
  ): OpenDirectory {
    const known = this.#known(path);
    if (known) return known;
    return this.#add(
      path,
      this.#find(path, entry.name) ?? this.#make(path, entry),
      entry.name,
    );
  }

  /** Opens a directory; null if there is none. */
  ifThere(path: ByteString, entry: ByteString): OpenDirectory | null {
    const known = this.#known(path);
    if (known) return known;
    const fd = this.#find(path, entry);
    return fd === null ? null : this.#add(path, fd, entry);
  }

  /** Moves a directory to the end of the list, so a caller can open another. */
  #known(path: ByteString): OpenDirectory | undefined {
    const known = this.#byPath.get(path);
    if (!known || path === this.#newest) return known;
    this.#byPath.delete(path);
    this.#byPath.set(path, known);
    this.#newest = path;
    return known;
  }

  /** Keeps a directory open that the caller has opened. */
  enter(path: ByteString, fd: number, entry: ByteString): OpenDirectory {
    return this.#add(path, fd, entry);
  }

  /** Something that paths lead through has changed: all are looked up again. */
  forget(): void {
    for (const path of [...this.#byPath.keys()]) this.#drop(path);
  }

  #find(path: ByteString, entry: ByteString): number | null {
    if (path === "") {
      return checked(entry, "openat", openAt(this.#root, DOT, DIRECTORY));
    }
    for (let attempt = 0;; attempt++) {
      const name = nameOf(path);
      const fd = rawSyscall("openat2", this.#root, name, HOW, OPEN_HOW_SIZE);
      if (fd >= 0) return fd;
      switch (-fd) {
        case ERRNO.ENOENT:
        case ERRNO.ENOTDIR:
          return null;
        case ERRNO.EINTR:
        // Something elsewhere was renamed or mounted meanwhile.
        case ERRNO.EAGAIN:
          if (attempt < MOST_LINKS) continue;
      }
      throw entryError(entry, "openat2", fd);
    }
  }

  /**
   * Goes to a directory step by step, follows links as the kernel would with
   * this root, and makes what is missing.
   */
  #make(
    path: ByteString,
    entry: { name: ByteString; modified: Time },
  ): number {
    const rest = path.split("/").reverse();
    const way: ByteString[] = [];
    let fd = this.#reopen([], entry.name);
    let links = 0;
    try {
      while (rest.length) {
        const part = rest.pop()!;
        if (part === "" || part === ".") continue;
        if (part === "..") {
          way.pop();
          const up = this.#reopen(way, entry.name);
          close(fd);
          fd = up;
          continue;
        }
        const below = this.#step(fd, part, way, entry);
        if (typeof below === "number") {
          way.push(part);
          close(fd);
          fd = below;
          continue;
        }
        if (++links > MOST_LINKS) {
          throw entryError(entry.name, "openat", -ERRNO.ELOOP);
        }
        rest.push(...below.split("/").reverse());
        if (!below.startsWith("/")) continue;
        way.length = 0;
        const top = this.#reopen(way, entry.name);
        close(fd);
        fd = top;
      }
      return fd;
    } catch (error) {
      close(fd);
      throw error;
    }
  }

  /** Opens a directory by parts that are known not to be links. */
  #reopen(way: readonly ByteString[], entry: ByteString): number {
    let fd = checked(entry, "openat", openAt(this.#root, DOT, DIRECTORY));
    for (const part of way) {
      const below = openAt(fd, nameOf(part), DIRECTORY);
      close(fd);
      fd = checked(entry, "openat", below);
    }
    return fd;
  }

  /** Opens or makes one directory; returns its target if it is a link. */
  #step(
    fd: number,
    part: ByteString,
    way: readonly ByteString[],
    entry: { name: ByteString; modified: Time },
  ): number | ByteString {
    const name = nameOf(part);
    const there = openAt(fd, name, DIRECTORY);
    if (there >= 0) return there;
    const above = inodeOf(fd, entry.name);
    let hidden = false;
    if (there !== -ERRNO.ENOENT) {
      const status = statusAt(fd, name);
      if (typeof status === "number") {
        throw entryError(entry.name, "statx", status);
      }
      if ((status.mode & S_IF.mask) === S_IF.link) {
        return linkTarget(fd, part, entry.name);
      }
      if (!isWhiteout(status)) {
        throw refused(
          entry.name,
          `${JSON.stringify([...way, part].join("/"))} is not a directory`,
        );
      }
      checked(entry.name, "unlinkat", unlinkAt(fd, name));
      hidden = true;
    }
    checked(entry.name, "mkdirat", makeDirectoryAt(fd, name, IMPLIED_MODE));
    const parent = this.#byInode.get(above.inode);
    if (parent) parent.touched = true;
    // A directory that is not in the list keeps its time here.
    else checked(entry.name, "utimensat", setTimes(fd, above.modified));
    const made = checked(entry.name, "openat", openAt(fd, name, DIRECTORY));
    try {
      const settle = [
        // The parent may have the setgid bit.
        ["fchown", () => changeOwner(made, 0, 0)],
        ["fchmod", () => changeMode(made, IMPLIED_MODE)],
        ["setxattr", () => hidden ? makeOpaque(made) : 0],
        ["utimensat", () => setTimes(made, entry.modified)],
      ] as const;
      for (const [call, act] of settle) checked(entry.name, call, act());
      this.#imply(made, [...way, part].join("/"), entry.name);
    } catch (error) {
      close(made);
      throw error;
    }
    return made;
  }

  #imply(fd: number, path: ByteString, entry: ByteString): void {
    this.#impliedBytes += path.length + IMPLIED_COST;
    if (this.#impliedBytes > MOST_IMPLIED_BYTES) {
      throw refused(
        entry,
        "the layer has too many directories that no entry describes",
      );
    }
    this.implied.set(inodeOf(fd, entry).inode, path);
  }

  #add(path: ByteString, fd: number, entry: ByteString): OpenDirectory {
    const { inode, gid, modified } = inodeOf(fd, entry);
    let directory = this.#byInode.get(inode);
    if (directory) close(fd);
    else {
      directory = { fd, inode, gid, modified, touched: false, paths: 0 };
      this.#byInode.set(inode, directory);
    }
    directory.paths++;
    if (this.#byPath.has(path)) this.#drop(path);
    this.#byPath.set(path, directory);
    this.#newest = path;
    if (this.#byPath.size > MOST_OPEN) {
      // A map keeps the order of insertion.
      for (const oldest of this.#byPath.keys()) {
        this.#drop(oldest);
        break;
      }
    }
    return directory;
  }

  #drop(path: ByteString): void {
    const directory = this.#byPath.get(path)!;
    this.#byPath.delete(path);
    if (path === this.#newest) this.#newest = null;
    if (--directory.paths) return;
    this.#byInode.delete(directory.inode);
    if (directory.touched) setTimes(directory.fd, directory.modified);
    close(directory.fd);
  }

  [Symbol.dispose](): void {
    this.forget();
  }
}

const DOT = nameOf(".");

function checked(entry: ByteString, call: string, result: number): number {
  if (result < 0) throw entryError(entry, call, result);
  return result;
}

/** The status of an open file. */
export function inodeOf(fd: number, entry: ByteString): Status {
  const status = statusAt(fd, SELF);
  if (typeof status === "number") throw entryError(entry, "statx", status);
  return status;
}

const TARGET = new Uint8Array(4096);

/** The target of a link. */
export function linkTarget(
  fd: number,
  name: ByteString,
  entry: ByteString,
): ByteString {
  const length = readLinkAt(fd, nameOf(name), TARGET);
  if (length < 0) throw entryError(entry, "readlinkat", length);
  return byteString(TARGET, 0, length);
}

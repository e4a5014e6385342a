/**
 * Makes the files of one layer, entry by entry. Runs in the process that
 * unpacks: as root on the host, or in a user's namespace.
 *
 * No path of the archive reaches the kernel: each file is made by its last name
 * in an open directory, and is never followed if it is a link. As in docker and
 * podman, a later entry replaces an earlier one of the same name.
 */

import { ERRNO } from "../../ffi/errno.ts";
import { O } from "../../ffi/fcntl.ts";
import {
  changeModeAt,
  changeOwnerAt,
  close,
  linkAt,
  makeDirectoryAt,
  makeNodeAt,
  openAt,
  S_IF,
  seekTo,
  setSize,
  setTimesAt,
  type Status,
  statusAt,
  symlinkAt,
  write,
} from "../../ffi/files/files.ts";
import { Attributes, check, type ProcessIds, setTime } from "./attributes.ts";
import { type ByteString, nameOf, splitPath } from "../tar/byte_string.ts";
import { Deletions } from "./deletions.ts";
import {
  Directories,
  DIRECTORY,
  inodeOf,
  type OpenDirectory,
} from "./directories.ts";
import { entryError, noDeletions, quoted, refused } from "../tar/errors.ts";
import { checkLinkTarget, cleanName, meaningOf } from "./names.ts";
import { isWhiteout, makeOpaque, makeWhiteout } from "./overlay_marks.ts";
import { Placing } from "./placing.ts";
import type { Entry } from "../tar/tar_format.ts";
import type { TarHandler } from "../tar/tar_reader.ts";
import type { Lost, Unfinished, UnpackOptions } from "./unpack_options.ts";

const NEW = O.O_WRONLY | O.O_CREAT | O.O_EXCL | O.O_NOFOLLOW | O.O_CLOEXEC;

/** A file that is being written. */
interface OpenFile {
  fd: number;
  entry: Entry;
  path: ByteString;
  at: number;
  /** It has its owner already. */
  owned: boolean;
}

/** Makes what a tar reader reads. */
export class Unpacker implements TarHandler, Disposable {
  readonly #directories: Directories;
  readonly #attributes: Attributes;
  readonly #deletions: Deletions;
  readonly #placeholders: boolean;
  #file: OpenFile | null = null;
  readonly #placing: Placing;
  size = 0;
  entries = 0;
  hidesAll = false;

  /**
   * @param root the directory of the layer, which stays the caller's
   * @param process the IDs and the umask of this process
   */
  constructor(
    root: number,
    { owners, devices }: Pick<UnpackOptions, "owners" | "devices">,
    process: ProcessIds,
  ) {
    this.#directories = new Directories(root);
    this.#placing = new Placing(this.#directories);
    this.#deletions = new Deletions(root);
    this.#attributes = new Attributes(owners !== "own", process);
    this.#placeholders = devices === "placeholders";
    const top = this.#directories.at("", ROOT);
    this.#directories.implied.set(top.inode, "");
  }

  entry(entry: Entry): void {
    this.entries++;
    const path = cleanName(entry.name);
    const meaning = meaningOf(path);
    switch (meaning.kind) {
      case "ignored":
        return;
      case "whiteout":
        return this.#whiteout(meaning.path, entry);
      case "opaque":
        return this.#opaque(meaning.directory, entry);
    }
    this.#placing.dropLink(path);
    if (entry.kind === "directory") return this.#directory(path, entry);
    if (path === "") {
      throw refused(entry.name, "the root of a layer is a directory");
    }
    const [above, base] = splitPath(path);
    const parent = this.#directories.at(above, entry);
    switch (entry.kind) {
      case "file":
        return this.#beginFile(parent, path, base, entry);
      case "hardLink":
        return this.#hardLink(path, base, entry);
      case "symbolicLink":
        return this.#symbolicLink(parent, path, base, entry);
      default:
        return this.#node(parent, path, base, entry);
    }
  }

  data(bytes: Uint8Array, offset: number): void {
    const file = this.#file;
    if (!file) return;
    this.size += bytes.length;
    if (offset !== file.at) {
      check(file.entry, "lseek", seekTo(file.fd, offset));
    }
    file.at = offset + bytes.length;
    for (let rest = bytes; rest.length;) {
      const written = check(file.entry, "write", write(file.fd, rest));
      rest = rest.subarray(written);
    }
  }

  end(): void {
    const file = this.#file;
    if (!file) return;
    this.#file = null;
    const { fd, entry, path, at, owned } = file;
    try {
      // The last part of a sparse file may be a hole.
      if (at !== entry.size) check(entry, "ftruncate", setSize(fd, entry.size));
      const made = this.#attributes.openMode(entry);
      this.#attributes.setOpen(fd, entry, path, made, owned);
      setTime(fd, entry);
    } finally {
      close(fd);
    }
  }

  /** Everything has been read. Returns what the layers below have to add. */
  finish(): Unfinished {
    for (const late of this.#attributes.late) {
      const directory = this.#directories.ifThere(late.path, late.path);
      if (directory) this.#attributes.setLate(directory.fd, late);
    }
    this.#directories.forget();
    return {
      implied: [...this.#directories.implied.values()].sort(),
      links: this.#placing.links,
      deletions: this.#deletions.paths,
    };
  }

  get lost(): Lost {
    return this.#attributes.lost;
  }

  [Symbol.dispose](): void {
    if (this.#file) close(this.#file.fd);
    this.#file = null;
    this.#directories[Symbol.dispose]();
  }

  #beginFile(
    parent: OpenDirectory,
    path: ByteString,
    base: ByteString,
    entry: Entry,
  ): void {
    const name = nameOf(base);
    const mode = this.#attributes.openMode(entry);
    const fd = this.#placing.make(
      parent,
      path,
      entry,
      "openat",
      (directory) => openAt(directory, name, NEW, mode),
    );
    const owned = this.#attributes.isOwned(entry, parent.gid);
    this.#file = { fd, entry, path, at: 0, owned };
  }

  #symbolicLink(
    parent: OpenDirectory,
    path: ByteString,
    base: ByteString,
    entry: Entry,
  ): void {
    checkLinkTarget(path, entry.link);
    const name = nameOf(base);
    const target = nameOf(entry.link);
    const at = this.#placing.makeIn(
      parent,
      path,
      entry,
      "symlinkat",
      (directory) => symlinkAt(target, directory, name),
    );
    this.#settle(at, base, entry, path);
  }

  #node(
    parent: OpenDirectory,
    path: ByteString,
    base: ByteString,
    entry: Entry,
  ): void {
    const name = nameOf(base);
    const isDevice = entry.kind !== "fifo";
    const { major, minor } = entry.device;
    // The kernel's own limits, 12 and 20 bits.
    if (!(major >= 0 && major < 1 << 12 && minor >= 0 && minor < 1 << 20)) {
      throw refused(entry.name, `no device has the numbers ${major}:${minor}`);
    }
    // Every user may make 0:0, which the kernel takes for a deletion.
    if (isDevice && this.#placeholders && (major || minor)) {
      this.#beginFile(parent, path, base, { ...entry, size: 0 });
      this.#attributes.placeholder(this.#file!.fd, entry);
      return;
    }
    const type = {
      character: S_IF.character,
      block: S_IF.block,
      fifo: S_IF.fifo,
    }[entry.kind as "character" | "block" | "fifo"];
    const at = this.#placing.makeIn(
      parent,
      path,
      entry,
      "mknodat",
      (directory) => makeNodeAt(directory, name, type, entry.device),
    );
    this.#settle(at, base, entry, path);
  }

  /** Owner, mode, attributes and time of something that is not opened. */
  #settle(
    parent: OpenDirectory,
    base: ByteString,
    entry: Entry,
    path: ByteString,
  ): void {
    const { fd } = parent;
    const name = nameOf(base);
    const { uid, gid, mode, modified } = entry;
    if (!this.#attributes.isOwned(entry, parent.gid)) {
      this.#attributes.setOwner(entry, () => changeOwnerAt(fd, name, uid, gid));
    }
    if (entry.kind !== "symbolicLink") {
      check(entry, "fchmodat", changeModeAt(fd, name, mode));
    }
    if (entry.attributes) {
      const place = nameOf(`/proc/self/fd/${fd}/${base}`);
      this.#attributes.attributes(place, entry, path);
    }
    check(entry, "utimensat", setTimesAt(fd, name, modified));
  }

  #hardLink(path: ByteString, base: ByteString, entry: Entry): void {
    const target = cleanName(entry.link);
    if (target === "") throw refused(entry.name, "it is a link to the root");
    const [directory, old] = splitPath(target);
    const from = this.#directories.ifThere(directory, entry.name);
    const there = from ? statusAt(from.fd, nameOf(old)) : -ERRNO.ENOENT;
    if (there === -ERRNO.ENOENT || this.#placing.isLate(target)) {
      return this.#placing.linkLater(path, target, entry);
    }
    if (typeof there === "number") throw entryError(entry.name, "statx", there);
    if ((there.mode & S_IF.mask) === S_IF.directory) {
      throw refused(entry.name, "it is a hard link to a directory");
    }
    if (isWhiteout(there)) {
      throw refused(
        entry.name,
        `it is a link to ${quoted(target)}, which the layer deletes`,
      );
    }
    // The list of open directories may have closed the parent.
    const parent = this.#directories.at(splitPath(path)[0], entry);
    const name = nameOf(base);
    const present = statusAt(parent.fd, name);
    // A link to itself, or the same link again, is there already.
    if (isSame(present, there)) return;
    this.#placing.makeIn(
      parent,
      path,
      entry,
      "linkat",
      (fd) => {
        const source = this.#directories.ifThere(directory, entry.name);
        return source
          ? linkAt(source.fd, nameOf(old), fd, name)
          : -ERRNO.ENOENT;
      },
    );
  }

  #directory(path: ByteString, entry: Entry): void {
    if (path === "") {
      const root = this.#directories.at("", entry);
      return this.#settleDirectory(root, entry, path, false);
    }
    const [above, base] = splitPath(path);
    let parent = this.#directories.at(above, entry);
    const name = nameOf(base);
    // Nobody else enters it before its owner and mode are set.
    const made = makeDirectoryAt(parent.fd, name, 0o700);
    let replaces = false;
    if (made === 0) parent.touched = true;
    else if (made !== -ERRNO.EEXIST) {
      throw entryError(entry.name, "mkdirat", made);
    } else {
      const there = statusAt(parent.fd, name);
      replaces = typeof there !== "number" &&
        (there.mode & S_IF.mask) !== S_IF.directory;
      if (replaces) {
        parent = this.#placing.makeIn(
          parent,
          path,
          entry,
          "mkdirat",
          (fd) => makeDirectoryAt(fd, name, 0o700),
        );
      }
    }
    const fd = check(entry, "openat", openAt(parent.fd, name, DIRECTORY));
    const directory = this.#directories.enter(path, fd, entry.name);
    // What was there hid the directory of the layers below.
    if (replaces) check(entry, "setxattr", makeOpaque(directory.fd));
    const owned = made === 0 && this.#attributes.isOwned(entry, parent.gid);
    this.#settleDirectory(directory, entry, path, owned);
  }

  #settleDirectory(
    directory: OpenDirectory,
    entry: Entry,
    path: ByteString,
    owned: boolean,
  ): void {
    // It may have inherited the setgid bit.
    this.#attributes.setOpen(directory.fd, entry, path, -1, owned);
    // With "own" it keeps another group, which it then inherits.
    if (!owned) directory.gid = inodeOf(directory.fd, entry.name).gid;
    directory.modified = entry.modified;
    directory.touched = true;
    this.#directories.implied.delete(directory.inode);
  }

  #whiteout(path: ByteString, entry: Entry): void {
    const [above, base] = splitPath(path);
    const parent = this.#directories.at(above, entry);
    const result = makeWhiteout(parent.fd, base);
    if (result === 0) {
      parent.touched = true;
      return this.#deletions.note(parent);
    }
    if (result === -ERRNO.EPERM) throw noDeletions(entry.name);
    if (result !== -ERRNO.EEXIST) {
      throw entryError(entry.name, "mknodat", result);
    }
    // What the same layer adds is not deleted, only what is below it.
    const fd = openAt(parent.fd, nameOf(base), DIRECTORY);
    if (fd < 0) return;
    try {
      check(entry, "setxattr", makeOpaque(fd));
    } finally {
      close(fd);
    }
  }

  #opaque(path: ByteString, entry: Entry): void {
    const directory = this.#directories.at(path, entry);
    check(entry, "setxattr", makeOpaque(directory.fd));
    if (path === "") this.hidesAll = true;
  }
}

/** For messages about the root. */
const ROOT = { name: "/", modified: { seconds: 0, nanoseconds: 0 } };

const isSame = (one: Status | number, other: Status): boolean =>
  typeof one !== "number" && one.inode === other.inode;

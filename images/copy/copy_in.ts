/**
 * Puts the entries of a tar file into a directory, for `cp`. Unlike a layer, the
 * directory may be of a running container: what is there is merged, names with
 * `.wh.` mean nothing, and processes of the container may change it meanwhile.
 * So every entry is made by its last name in a directory that openat2(2) has
 * found below the root. Runs on the host, in the command's process.
 */

import { ERRNO } from "../../ffi/errno.ts";
import { O } from "../../ffi/fcntl.ts";
import {
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
  type Time,
  unlinkAt,
  write,
} from "../../ffi/files/files.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import {
  openHow,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
} from "../../ffi/openat2.ts";
import { type ByteString, nameOf, splitPath } from "../tar/byte_string.ts";
import { quoted } from "../tar/errors.ts";
import type { Entry } from "../tar/tar_format.ts";
import type { TarHandler } from "../tar/tar_reader.ts";
import { ContainerError } from "../../spec/errors.ts";
import { cleanPath, openBelow } from "./place.ts";
import { check, type Owner, settle, settleAt } from "./settle.ts";

/** Where entries go, and whose they are. */
export interface CopyInOptions {
  /** The directory that no path leads out of. */
  root: number;
  /** The directory for the entries, from the root, without links. */
  into: ByteString;
  /** Links in the directories of entries are not followed, but refused. */
  closed: boolean;
  /** The owner of all files; null for those of the entries. */
  owner: Owner | null;
  /** Changes the owners of entries, for mapped IDs. */
  mapped?(uid: number, gid: number): Owner;
  /** Is told how many bytes of files have been written. */
  onWritten?(bytes: number): void;
}

const RESOLVE_NO_SYMLINKS = 4n;
const RESOLVE = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
const PATH = O.O_PATH | O.O_DIRECTORY | O.O_CLOEXEC;
const HOW = openHow(PATH, RESOLVE);
const CLOSED_HOW = openHow(PATH, RESOLVE | RESOLVE_NO_SYMLINKS);

const O_TMPFILE = 0o20000000 | O.O_DIRECTORY;
const NEW = O.O_WRONLY | O.O_CREAT | O.O_EXCL | O.O_NOFOLLOW | O.O_CLOEXEC;
const AT_SYMLINK_FOLLOW = 0x400;
const MISSING_MODE = 0o755;

/** A file that is being written. */
interface OpenFile {
  fd: number;
  entry: Entry;
  path: ByteString;
  directory: number;
  /** It has no name yet. */
  isNameless: boolean;
  at: number;
}

/** Makes what a tar reader reads. */
export class CopyIn implements TarHandler, Disposable {
  readonly #options: CopyInOptions;
  #parent: { path: ByteString; fd: number } | null = null;
  #file: OpenFile | null = null;
  /** Directories get their times when everything is in them. */
  readonly #times: { path: ByteString; modified: Time }[] = [];
  #written = 0;

  constructor(options: CopyInOptions) {
    this.#options = options;
  }

  entry(entry: Entry): void {
    const path = this.#pathOf(entry.name);
    if (path === this.#options.into) {
      if (entry.kind === "directory") return;
      throw this.#refused(entry, "it has the name of the directory itself");
    }
    const [above, base] = splitPath(path);
    const directory = this.#directory(above, path);
    const name = nameOf(base);
    switch (entry.kind) {
      case "file":
        return this.#begin(directory, name, path, entry);
      case "directory":
        return this.#makeDirectory(directory, name, path, entry);
      case "hardLink":
        return this.#hardLink(directory, name, path, entry);
      case "symbolicLink":
        this.#make(
          directory,
          name,
          path,
          entry,
          "symlinkat",
          () => symlinkAt(nameOf(entry.link), directory, name),
        );
        break;
      default: {
        const type = entry.kind === "fifo"
          ? S_IF.fifo
          : entry.kind === "block"
          ? S_IF.block
          : S_IF.character;
        this.#make(
          directory,
          name,
          path,
          entry,
          "mknodat",
          () => makeNodeAt(directory, name, type | 0o600, entry.device),
        );
      }
    }
    settleAt(directory, name, path, entry, this.#ownerOf(entry));
  }

  data(bytes: Uint8Array, offset: number): void {
    const file = this.#file;
    if (!file) return;
    if (offset !== file.at) {
      check(file.path, "lseek", seekTo(file.fd, offset));
    }
    file.at = offset + bytes.length;
    for (let rest = bytes; rest.length;) {
      const written = check(file.path, "write", write(file.fd, rest));
      rest = rest.subarray(written);
    }
    this.#written += bytes.length;
    this.#options.onWritten?.(this.#written);
  }

  end(): void {
    const file = this.#file;
    if (!file) return;
    this.#file = null;
    const { fd, entry, path, directory, isNameless, at } = file;
    try {
      if (at !== entry.size) {
        check(path, "ftruncate", setSize(fd, entry.size));
      }
      settle(fd, path, entry, this.#ownerOf(entry));
      if (!isNameless) return;
      const name = nameOf(splitPath(path)[1]);
      this.#make(directory, name, path, entry, "linkat", () =>
        rawSyscall(
          "linkat",
          directory,
          nameOf(`/proc/self/fd/${fd}`),
          directory,
          name,
          AT_SYMLINK_FOLLOW,
        ));
    } finally {
      close(fd);
    }
  }

  /** Everything has been read. */
  finish(): void {
    for (const { path, modified } of this.#times.reverse()) {
      const fd = this.#open(path);
      if (fd < 0) continue;
      setTimesAt(fd, nameOf("."), modified);
      close(fd);
    }
  }

  [Symbol.dispose](): void {
    const file = this.#file;
    if (file) {
      if (!file.isNameless) {
        unlinkAt(file.directory, nameOf(splitPath(file.path)[1]));
      }
      close(file.fd);
    }
    if (this.#parent) close(this.#parent.fd);
    this.#file = this.#parent = null;
  }

  /** The path from the root. An entry cannot lead out of its directory. */
  #pathOf(name: ByteString): ByteString {
    const { into } = this.#options;
    const below = cleanPath(name);
    return below === "" ? into : into === "" ? below : `${into}/${below}`;
  }

  #open(path: ByteString): number {
    const { root, closed } = this.#options;
    return openBelow(root, path, closed ? CLOSED_HOW : HOW);
  }

  /** Opens a directory; makes what is missing of it. */
  #directory(path: ByteString, entry: ByteString): number {
    if (this.#parent?.path === path) return this.#parent.fd;
    let fd = this.#open(path);
    if (fd === -ERRNO.ENOENT && path !== "") {
      const [above, base] = splitPath(path);
      const parent = this.#directory(above, entry);
      const name = nameOf(base);
      const made = makeDirectoryAt(parent, name, MISSING_MODE);
      if (made < 0 && made !== -ERRNO.EEXIST) {
        check(path, "mkdirat", made);
      }
      const { owner } = this.#options;
      if (made === 0 && owner) {
        check(
          path,
          "fchownat",
          changeOwnerAt(parent, name, owner.uid, owner.gid),
        );
      }
      fd = this.#open(path);
    }
    if (fd === -ERRNO.ELOOP && this.#options.closed) {
      throw new ContainerError(
        `Cannot copy ${quoted(entry)}: ${quoted(path)} is a link there`,
        { hint: "Remove the link, or copy to another directory." },
      );
    }
    check(path, "openat2", fd);
    if (this.#parent) close(this.#parent.fd);
    this.#parent = { path, fd };
    return fd;
  }

  #begin(
    directory: number,
    name: ReturnType<typeof nameOf>,
    path: ByteString,
    entry: Entry,
  ): void {
    const there = statusAt(directory, name);
    if (isDirectory(there)) {
      throw this.#refused(entry, "a directory has this name there");
    }
    // Without a name until it is whole: nothing stays of half a file.
    const nameless = openAt(directory, DOT, O.O_WRONLY | O_TMPFILE, 0o600);
    if (nameless >= 0) {
      this.#file = {
        fd: nameless,
        entry,
        path,
        directory,
        isNameless: true,
        at: 0,
      };
      return;
    }
    if (nameless === -ERRNO.ENOSPC || nameless === -ERRNO.EROFS) {
      check(path, "openat", nameless);
    }
    let fd = 0;
    this.#make(
      directory,
      name,
      path,
      entry,
      "openat",
      () => fd = openAt(directory, name, NEW, 0o600),
    );
    this.#file = { fd, entry, path, directory, isNameless: false, at: 0 };
  }

  #makeDirectory(
    directory: number,
    name: ReturnType<typeof nameOf>,
    path: ByteString,
    entry: Entry,
  ): void {
    const made = makeDirectoryAt(directory, name, 0o700);
    if (made === -ERRNO.EEXIST) {
      if (!isDirectory(statusAt(directory, name))) {
        throw this.#refused(entry, "something else has this name there");
      }
    } else check(path, "mkdirat", made);
    const flags = O.O_RDONLY | O.O_DIRECTORY | O.O_NOFOLLOW | O.O_CLOEXEC;
    const fd = check(path, "openat", openAt(directory, name, flags));
    try {
      settle(fd, path, entry, this.#ownerOf(entry));
    } finally {
      close(fd);
    }
    this.#times.push({ path, modified: entry.modified });
  }

  #hardLink(
    directory: number,
    name: ReturnType<typeof nameOf>,
    path: ByteString,
    entry: Entry,
  ): void {
    const [above, base] = splitPath(this.#pathOf(entry.link));
    const from = check(path, "openat2", this.#open(above));
    try {
      this.#make(
        directory,
        name,
        path,
        entry,
        "linkat",
        () => linkAt(from, nameOf(base), directory, name),
      );
    } finally {
      close(from);
    }
  }

  /** Makes something in place of what is there, which is no directory. */
  #make(
    directory: number,
    name: ReturnType<typeof nameOf>,
    path: ByteString,
    entry: Entry,
    call: string,
    act: () => number,
  ): void {
    let result = act();
    if (result === -ERRNO.EEXIST) {
      if (isDirectory(statusAt(directory, name))) {
        throw this.#refused(entry, "a directory has this name there");
      }
      check(path, "unlinkat", unlinkAt(directory, name));
      result = act();
    }
    check(path, call, result);
  }

  #ownerOf({ uid, gid }: Entry): Owner {
    const { owner, mapped } = this.#options;
    return owner ?? mapped?.(uid, gid) ?? { uid, gid };
  }

  #refused({ name }: Entry, cause: string): ContainerError {
    return new ContainerError(`Cannot copy ${quoted(name)}: ${cause}`, {
      hint: "Remove it first, or copy to another name.",
    });
  }
}

const DOT = nameOf(".");

const isDirectory = (status: Status | number): boolean =>
  typeof status !== "number" && (status.mode & S_IF.mask) === S_IF.directory;

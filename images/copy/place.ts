/**
 * Finds a path below a root for `cp`: no link and no `..` leads out of the root,
 * openat2(2), also if a process of the container changes the tree meanwhile.
 * Runs on the host, in the command's process.
 */

import { ERRNO } from "../../ffi/errno.ts";
import { AT_FDCWD, Descriptor, O } from "../../ffi/fcntl.ts";
import {
  readLinkAt,
  S_IF,
  type Status,
  statusAt,
} from "../../ffi/files/files.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import {
  OPEN_HOW_SIZE,
  openHow,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
} from "../../ffi/openat2.ts";
import {
  type ByteString,
  byteString,
  nameOf,
  splitPath,
} from "../tar/byte_string.ts";
import { pathError } from "../tar/errors.ts";

/** As the kernel: MAXSYMLINKS. */
const MOST_LINKS = 40;

const DIRECTORY_HOW = openHow(
  O.O_PATH | O.O_DIRECTORY | O.O_CLOEXEC,
  RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
);
const DIRECTORY = O.O_RDONLY | O.O_DIRECTORY | O.O_NOFOLLOW | O.O_CLOEXEC;

const SELF = nameOf("");

/** Opens a path below a root, as the kernel's openat2(2) with an open_how. */
export function openBelow(
  root: number,
  path: ByteString,
  how: Uint8Array,
): number {
  const name = nameOf(path === "" ? "." : path);
  for (let attempt = 0;; attempt++) {
    const fd = rawSyscall("openat2", root, name, how, OPEN_HOW_SIZE);
    // Something was renamed or mounted meanwhile.
    const again = fd === -ERRNO.EAGAIN || fd === -ERRNO.EINTR;
    if (!again || attempt >= MOST_LINKS) return fd;
  }
}

/** Opens a directory below a root for other calls; -errno after a failure. */
export const openDirectoryBelow = (root: number, path: ByteString): number =>
  openBelow(root, path, DIRECTORY_HOW);

/** A directory entry: a file, or the place for one. */
export class Place implements Disposable {
  constructor(
    /** The open directory (O_PATH). */
    readonly directory: Descriptor,
    /** The name in it; `.` for the root. */
    readonly name: ByteString,
    /** null if nothing has this name. */
    readonly status: Status | null,
    /** The path from the root, without links and without a slash in front. */
    readonly path: ByteString,
  ) {}

  get isDirectory(): boolean {
    return this.status !== null &&
      (this.status.mode & S_IF.mask) === S_IF.directory;
  }

  get isLink(): boolean {
    return this.status !== null && (this.status.mode & S_IF.mask) === S_IF.link;
  }

  get isRegular(): boolean {
    return this.status !== null &&
      (this.status.mode & S_IF.mask) === S_IF.regular;
  }

  /** Opens the directory itself, to read it. */
  open(): Descriptor {
    const fd = rawSyscall(
      "openat",
      this.directory.fd,
      nameOf(this.name),
      DIRECTORY,
    );
    if (fd < 0) throw pathError("open", this.path, "openat", fd);
    return new Descriptor(fd);
  }

  [Symbol.dispose](): void {
    this.directory.close();
  }
}

/** The path without `.`, `..` and needless slashes; relative to the root. */
export function cleanPath(path: ByteString): ByteString {
  const parts: ByteString[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/**
 * Finds a path. Links in its directories are followed below the root.
 *
 * @param options.follow follows a link in the last part as well; one that leads
 * to nothing gives the place that it names
 * @returns null if its directory does not exist
 * @throws LayerError if it cannot be looked up
 */
export function findPlace(
  root: Descriptor,
  path: ByteString,
  { follow }: { follow: boolean },
): Place | null {
  let wanted = cleanPath(path);
  for (let links = 0; links <= MOST_LINKS; links++) {
    const place = entryAt(root, wanted);
    if (!place || !follow || !place.isLink) return place;
    using link = place;
    const target = new Uint8Array(4096);
    const length = readLinkAt(link.directory.fd, nameOf(link.name), target);
    if (length < 0) throw pathError("read", link.path, "readlinkat", length);
    const text = byteString(target, 0, length);
    const [above] = splitPath(link.path);
    wanted = cleanPath(text.startsWith("/") ? text : `${above}/${text}`);
  }
  throw pathError("find", wanted, "openat2", -ERRNO.ELOOP);
}

/** The entry at a path, of which a link is not followed. */
function entryAt(root: Descriptor, path: ByteString): Place | null {
  const [above, base] = splitPath(path);
  const fd = openBelow(root.fd, above, DIRECTORY_HOW);
  if (fd === -ERRNO.ENOENT || fd === -ERRNO.ENOTDIR) return null;
  if (fd < 0) throw pathError("find", above, "openat2", fd);
  const directory = new Descriptor(fd);
  try {
    const name = base === "" ? "." : base;
    const status = statusAt(fd, base === "" ? SELF : nameOf(base));
    if (typeof status === "number" && status !== -ERRNO.ENOENT) {
      throw pathError("find", path, "statx", status);
    }
    const real = pathBelow(root, directory);
    return new Place(
      directory,
      name,
      typeof status === "number" ? null : status,
      base === "" ? real : real === "" ? base : `${real}/${base}`,
    );
  } catch (error) {
    directory.close();
    throw error;
  }
}

/** The path of an open directory from a root, without links. */
function pathBelow(root: Descriptor, directory: Descriptor): ByteString {
  const top = readLinkBytes(root.fd).replace(/\/$/, "");
  const path = readLinkBytes(directory.fd);
  return path.startsWith(`${top}/`) ? path.slice(top.length + 1) : "";
}

/** The path that the kernel knows for a descriptor. */
function readLinkBytes(fd: number): ByteString {
  const bytes = new Uint8Array(1 << 15);
  const length = readLinkAt(AT_FDCWD, nameOf(`/proc/self/fd/${fd}`), bytes);
  if (length < 0) {
    throw pathError("find", `/proc/self/fd/${fd}`, "readlinkat", length);
  }
  return byteString(bytes, 0, length);
}

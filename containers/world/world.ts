/**
 * The machine as decide/ sees it: everything that a decision may read, and
 * nothing that changes it. A World shows the machine to one process, the one
 * that asks for a container. Only types: nothing here runs.
 *
 * Paths are absolute. In a path, `/proc/self` is the asking process. A read
 * that the kernel refuses throws a SyscallError. The functions do not use
 * `this`.
 */

import type { Errno } from "../../ffi/errno.ts";
import type { TerminalSettings } from "../../ffi/termios.ts";
import type {
  LayeredFile,
  LayeredPlace,
} from "../../images/layers/layered_file.ts";
export type { LayeredFile, LayeredPlace };

/** What a path is, stat(2). */
export interface FileInfo {
  type:
    | "file"
    | "directory"
    | "link"
    | "character device"
    | "block device"
    | "fifo"
    | "socket"
    | "other";
  /** The permissions, with the set-user-ID, set-group-ID and sticky bits. */
  mode: number;
  uid: number;
  gid: number;
  /** The size in bytes; 0 for a directory, whose size says nothing. */
  size: number;
  /** The file system and the inode. */
  dev: number;
  ino: number;
  /** The number of a device, as stat(2) returns it. */
  rdev: number;
}

/** An entry of a directory. */
export interface DirectoryEntry {
  name: string;
  type: "file" | "directory" | "link" | "other";
}

/**
 * A directory that stays the same while its content is read, even if its path
 * names another by then. Disposing of it closes it.
 */
export interface OpenDirectory extends Disposable {
  /** Its path, without links. */
  readonly path: string;
  // A path is followed as by a process whose root this directory is: links and
  // `..` cannot leave it. Of the last part, only `stat` follows a link.
  /** stat(2), or null if nothing is there. */
  stat(path: string): FileInfo | null;
  /** lstat(2), or null if nothing is there. */
  lstat(path: string): FileInfo | null;
  /** readlink(2), or null if nothing is there. */
  readLink(path: string): string | null;
  /**
   * A small regular file, or null if there is none. The file is not trusted,
   * and nothing else than a regular file is opened.
   */
  readText(path: string): string | null;
  /** Whether a directory has an entry; null if nothing is there. */
  hasEntries(path: string): boolean | null;
  /**
   * Whether a path exists, by the cheapest check. What another mount covers
   * exists, and is not examined: it may not respond.
   */
  exists(path: string): boolean;
  // A path is followed as on the host, from this directory.
  /**
   * The content of a file, but at most so many bytes of it; null if it is no
   * regular file.
   */
  readFileOnHost(path: string, most: number): Uint8Array | null;
  /** The path of a directory, without links. */
  directoryOnHost(path: string): string;
}

/** The accounts of a root filesystem: the text of its files, if they exist. */
export interface AccountFiles {
  passwd: string | null;
  group: string | null;
}

/** The size of a terminal in characters. */
export interface TerminalSize {
  height: number;
  width: number;
}

/** The effective set and the bounding set, capabilities(7). */
export interface CapabilitySets {
  effective: string;
  bounding: string;
}

/** Everything that a decision may read. */
export interface World {
  // Files.
  /** stat(2). */
  stat(path: string): FileInfo;
  /** lstat(2). */
  lstat(path: string): FileInfo;
  /** realpath(3). */
  realPath(path: string): string;
  /** readlink(2). */
  readLink(path: string): string;
  /** The text of a file. */
  readText(path: string): string;
  /** So many bytes of a file, or fewer at its end. */
  readPart(path: string, from: number, length: number): Uint8Array;
  /** The entries of a directory, by name. */
  readDirectory(path: string): DirectoryEntry[];
  /** access(2): whether a path exists, or can be written to. */
  access(path: string, mode: "exists" | "write"): boolean;
  openDirectory(path: string): OpenDirectory;

  // The process that asks.
  ids(): { uid: number; gid: number };
  /**
   * capget(2), prctl(2) PR_CAPBSET_READ: sets of capabilities, in hexadecimal
   * digits.
   */
  capabilities(): CapabilitySets;
  /** getpid(2). */
  processId(): number;
  /** The whole environment. */
  environment(): Readonly<Record<string, string>>;
  /** A variable of the environment; null if it is not set. */
  variable(name: string): string | null;
  workingDirectory(): string;
  /** The command line that starts this program again. */
  program(): readonly string[];
  /** getrlimit(2): a hard limit as decimal text; null for an unknown name. */
  hardLimit(type: string): string | null;
  /** fstat(2) of one of its descriptors; null if it is not open. */
  descriptor(fd: number): FileInfo | null;
  /** isatty(3). */
  isTerminal(fd: number): boolean;
  /** kcmp(2): whether two descriptors are the same open file. */
  isSameFile(one: number, other: number): boolean;
  /** Whether standard input is its terminal, and its group is in the foreground. */
  isInForeground(): boolean;
  /** The size of the first terminal among its streams; null if there is none. */
  terminalSize(): TerminalSize | null;
  /**
   * The settings of the first terminal among its streams; null if there is none,
   * or if it is in the background.
   */
  terminalSettings(): TerminalSettings | null;

  /** A random number of 64 bits that no other process can guess. */
  random(): bigint;

  // The kernel.
  /** uname(2): the release, such as 6.1.0-18-amd64. */
  kernelRelease(): string;
  /** The architecture of this program. */
  architecture(): "x86_64" | "aarch64";
  /** gethostname(2). */
  hostname(): string;
  /** Whether / is the initial ramfs, which pivot_root(2) cannot leave. */
  startsInRamfs(): boolean;
  /** The version of Landlock, or the reason why there is none. */
  landlock(): number | Errno | `E${number}`;

  // Questions that only an attempt can answer. Nothing of it remains.
  /**
   * Whether the user namespace at a path refuses setgroups(2). False if it
   * cannot be entered either.
   */
  namespaceFixesGroups(path: string): boolean;
  /**
   * Where paths lead in layers, of which the top comes first; null if nothing is
   * there.
   */
  filesInLayers(
    layers: readonly string[],
    paths: readonly string[],
  ): Promise<Readonly<Record<string, LayeredFile | null>>>;
  /** What a path leads to in layers; null if nothing is there. */
  placeInLayers(
    layers: readonly string[],
    path: string,
  ): Promise<LayeredPlace | null>;
  /** The accounts in the file system of an image file. */
  accountsInImage(
    image: { image: string; type: string },
  ): Promise<AccountFiles>;
}

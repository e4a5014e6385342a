/**
 * Layers as one tree, as overlayfs shows them, without a mount. Runs in the
 * process that finishes or compares layers, or reads a file of an image.
 */

import { ERRNO } from "../../ffi/errno.ts";
import { AT_FDCWD } from "../../ffi/fcntl.ts";
import {
  close,
  openAt,
  S_IF,
  type Status,
  statusAt,
} from "../../ffi/files/files.ts";
import { type ByteString, fromText, nameOf } from "../tar/byte_string.ts";
import { DIRECTORY, linkTarget } from "./directories.ts";
import { DT_CHR, DT_UNKNOWN, sortedEntries } from "./directory_entries.ts";
import { pathError } from "../tar/errors.ts";
import { isOpaque, isWhiteout } from "./overlay_marks.ts";

/** Links in a path, as the kernel; and parts that lead up. */
const MOST_TURNS = 255;

/** A file of a tree. */
export interface Found extends Disposable {
  /** The path without links, from the root. */
  path: ByteString;
  /** The index of its layer; 0 is the top. */
  layer: number;
  /** The open directory of that layer that it is in, and its name there. */
  directory: number;
  name: ByteString;
  status: Status;
}

/** Which layers may hold a directory, and where it is open. */
interface Level {
  layer: number;
  fd: number;
}

/** Layers, the top first. */
export class MergedTree implements Disposable {
  readonly #roots: Level[] = [];

  /** @throws LayerError if a layer cannot be opened */
  constructor(layers: readonly string[]) {
    try {
      layers.forEach((path, layer) => {
        const fd = openAt(AT_FDCWD, nameOf(fromText(path)), DIRECTORY);
        if (fd < 0) throw pathError("open", fromText(path), "openat", fd);
        this.#roots.push({ layer, fd });
      });
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Finds a file by its path from the root; null if there is none. A link in the
   * last part is not followed.
   *
   * @param options.links false: a link in another part leads nowhere
   * @param options.from the first layer that counts; those above hide only
   */
  find(
    path: ByteString,
    { links = true, from = 0 }: { links?: boolean; from?: number } = {},
  ): Found | null {
    let parts = path.split("/").filter((part) => part !== "" && part !== ".");
    for (let turns = 0; turns <= MOST_TURNS; turns++) {
      const up = parts.indexOf("..");
      const result = this.#walk(up < 0 ? parts : parts.slice(0, up), from);
      if (result === null) return null;
      if (!("target" in result)) {
        if (up < 0) return result;
        result[Symbol.dispose]();
        parts = [
          ...parts.slice(0, Math.max(0, up - 1)),
          ...parts.slice(up + 1),
        ];
        continue;
      }
      if (!links) return null;
      const { target, at } = result;
      parts = [
        ...(target.startsWith("/") ? [] : parts.slice(0, at)),
        ...target.split("/").filter((part) => part !== "" && part !== "."),
        ...parts.slice(at + 1),
      ];
    }
    return null;
  }

  /**
   * The names in a directory, in the order of their bytes; null if it is none.
   * Links are not followed.
   */
  names(path: ByteString): ByteString[] | null {
    const levels = this.#levelsOf(path.split("/").filter((part) => part));
    if (!levels.length) return null;
    try {
      const found = new Map<ByteString, boolean>();
      for (const { fd } of levels) {
        const entries = sortedEntries(fd);
        if (typeof entries === "number") {
          throw pathError("read", path, "getdents64", entries);
        }
        for (const { name, type } of entries) {
          if (found.has(name)) continue;
          const status = type === DT_CHR || type === DT_UNKNOWN
            ? statusAt(fd, nameOf(name))
            : null;
          const isThere = status === null ||
            typeof status !== "number" && !isWhiteout(status);
          found.set(name, isThere);
        }
      }
      return [...found].filter(([, isThere]) => isThere)
        .map(([name]) => name).sort();
    } finally {
      for (const { fd } of levels) close(fd);
    }
  }

  /** Opens a directory in all layers that it shows; none if it is no directory. */
  #levelsOf(parts: readonly ByteString[]): Level[] {
    let levels = this.#roots.map(({ layer, fd }) => ({
      layer,
      fd: openAt(fd, DOT, DIRECTORY),
    }));
    for (const part of parts) {
      const below = directoriesBelow(levels, part, Infinity);
      for (const { fd } of levels) close(fd);
      levels = "levels" in below ? below.levels : [];
    }
    return levels;
  }

  /** Goes down without links; says where a link is in the way. */
  #walk(
    parts: readonly ByteString[],
    from: number,
  ): Found | { target: ByteString; at: number } | null {
    let levels: Level[] = this.#roots;
    const leave = (to: Level[], but?: Level) => {
      if (levels !== this.#roots) {
        for (const level of levels) if (level !== but) close(level.fd);
      }
      levels = to;
    };
    try {
      if (!parts.length) {
        return rootOf(levels.find(({ layer }) => layer >= from));
      }
      for (let at = 0; at < parts.length - 1; at++) {
        const below = directoriesBelow(levels, parts[at]!, from);
        if ("target" in below) return { ...below, at };
        leave(below.levels);
        if (!levels.length) return null;
      }
      return this.#last(levels, parts, from);
    } finally {
      leave([]);
    }
  }

  /** Finds the last part in the directories that may hold it. */
  #last(
    levels: readonly Level[],
    parts: readonly ByteString[],
    from: number,
  ): Found | null {
    const name = parts.at(-1)!;
    for (const { layer, fd } of levels) {
      const status = statusAt(fd, nameOf(name));
      if (status === -ERRNO.ENOENT) continue;
      if (typeof status === "number") {
        throw pathError("read", parts.join("/"), "statx", status);
      }
      if (isWhiteout(status)) return null;
      const isDirectory = (status.mode & S_IF.mask) === S_IF.directory;
      if (layer >= from) {
        const directory = openAt(fd, DOT, DIRECTORY);
        if (directory < 0) {
          throw pathError("open", parts.join("/"), "openat", directory);
        }
        return found(parts.join("/"), layer, directory, name, status);
      }
      // Something that is not a directory hides all below it.
      if (!isDirectory) return null;
      const own = openAt(fd, nameOf(name), DIRECTORY);
      const hides = own >= 0 && isOpaque(own);
      if (own >= 0) close(own);
      if (hides) return null;
    }
    return null;
  }

  [Symbol.dispose](): void {
    for (const { fd } of this.#roots) close(fd);
    this.#roots.length = 0;
  }
}

const DOT = nameOf(".");

function found(
  path: ByteString,
  layer: number,
  directory: number,
  name: ByteString,
  status: Status,
): Found {
  return {
    path,
    layer,
    directory,
    name,
    status,
    [Symbol.dispose]: () => void close(directory),
  };
}

function rootOf(level: Level | undefined): Found | null {
  if (!level) return null;
  const directory = openAt(level.fd, DOT, DIRECTORY);
  if (directory < 0) throw pathError("open", "", "openat", directory);
  const status = statusAt(directory, nameOf(""));
  if (typeof status === "number") throw pathError("read", "", "statx", status);
  return found("", level.layer, directory, ".", status);
}

/** The directories of one name in all layers, or the target of a link. */
function directoriesBelow(
  levels: readonly Level[],
  part: ByteString,
  from: number,
): { levels: Level[] } | { target: ByteString } {
  const below: Level[] = [];
  for (const { layer, fd } of levels) {
    const name = nameOf(part);
    const own = openAt(fd, name, DIRECTORY);
    if (own >= 0) {
      below.push({ layer, fd: own });
      if (isOpaque(own)) break;
      continue;
    }
    if (own === -ERRNO.ENOENT) continue;
    const status = statusAt(fd, name);
    const isLink = typeof status !== "number" &&
      (status.mode & S_IF.mask) === S_IF.link;
    if (isLink && !below.length && layer >= from) {
      return { target: linkTarget(fd, part, part) };
    }
    break;
  }
  return { levels: below };
}

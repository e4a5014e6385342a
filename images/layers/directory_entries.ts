/** The entries of an open directory, getdents64(2). */

import { readDirectory } from "../../ffi/files/files.ts";
import { type ByteString, byteString } from "../tar/byte_string.ts";

/** An entry, without its status. */
export interface DirectoryEntry {
  name: ByteString;
  inode: bigint;
  /** DT_DIR, DT_REG and so on, of dirent.h; 0 if the file system does not say. */
  type: number;
}

/** A directory in dirent.h. */
export const DT_DIR = 4;
/** A character device. */
export const DT_CHR = 2;
/** The file system does not say what it is. */
export const DT_UNKNOWN = 0;

const BUFFER = new Uint8Array(1 << 15);

// struct linux_dirent64
const RECORD_LENGTH = 16;
const TYPE = 18;
const NAME = 19;

/**
 * The next entries of a directory; none after the last one. The order is the
 * file system's. Returns -errno after a failure.
 */
export function nextEntries(fd: number): DirectoryEntry[] | number {
  for (;;) {
    const length = readDirectory(fd, BUFFER);
    if (length < 0) return length;
    if (length === 0) return [];
    const view = new DataView(BUFFER.buffer, 0, length);
    const entries: DirectoryEntry[] = [];
    for (
      let at = 0;
      at < length;
      at += view.getUint16(at + RECORD_LENGTH, true)
    ) {
      const start = at + NAME;
      const name = byteString(BUFFER, start, BUFFER.indexOf(0, start));
      if (name === "." || name === "..") continue;
      entries.push({
        name,
        inode: view.getBigUint64(at, true),
        type: BUFFER[at + TYPE]!,
      });
    }
    if (entries.length) return entries;
  }
}

/** All entries, in the order of their bytes. Returns -errno after a failure. */
export function sortedEntries(fd: number): DirectoryEntry[] | number {
  const all: DirectoryEntry[] = [];
  for (;;) {
    const entries = nextEntries(fd);
    if (typeof entries === "number") return entries;
    if (!entries.length) break;
    all.push(...entries);
  }
  return all.sort((one, other) =>
    one.name < other.name ? -1 : one.name > other.name ? 1 : 0
  );
}

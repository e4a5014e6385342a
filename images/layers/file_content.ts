/** The content of a file for an archive: which parts are not zeros. */

import { ERRNO } from "../../ffi/errno.ts";
import { read, seekData, seekHole, seekTo } from "../../ffi/files/files.ts";
import type { ByteString } from "../tar/byte_string.ts";
import { LayerError, pathError, quoted } from "../tar/errors.ts";
import type { Region } from "../tar/tar_format.ts";

/** Smaller files are written with all their zeros. */
const LARGE = 1 << 26;
/** Holes begin and end at multiples of this. */
const PIECE = 1 << 16;
/** Fewer zeros are not left out. */
const LEAST_HOLE = 1 << 20;
/** A longer map is not worth it. */
const MOST_REGIONS = 1 << 16;

/** How many bytes are read at once. */
const CHUNK = 1 << 18;

function isZero(bytes: Uint8Array): boolean {
  const words = new Uint32Array(
    bytes.buffer,
    bytes.byteOffset,
    bytes.length >> 2,
  );
  for (let at = 0; at < words.length; at++) if (words[at]) return false;
  for (let at = words.length << 2; at < bytes.length; at++) {
    if (bytes[at]) return false;
  }
  return true;
}

/**
 * The parts of a large file that are not zeros; null if it is to be written as
 * it is. It depends on the content alone, not on where the file system has
 * holes, so the same content gives the same archive.
 */
export function regionsOf(
  fd: number,
  size: number,
  path: ByteString,
): Region[] | null {
  if (size < LARGE) return null;
  const regions: Region[] = [];
  const piece = new Uint8Array(PIECE);
  const check = (call: string, result: number) => {
    if (result < 0) throw pathError("read", path, call, result);
    return result;
  };
  for (let at = 0; at < size;) {
    // What is a hole on the disk need not be read.
    const data = seekData(fd, at);
    if (data === -ERRNO.ENXIO) break;
    at = check("lseek", data) - check("lseek", data) % PIECE;
    const end = Math.min(size, check("lseek", seekHole(fd, data)));
    check("lseek", seekTo(fd, at));
    for (; at < end; at += PIECE) {
      const length = Math.min(PIECE, size - at);
      const bytes = piece.subarray(0, readFully(fd, piece, length, path));
      if (isZero(bytes)) continue;
      const last = regions.at(-1);
      const lastEnd = last ? last.offset + last.length : 0;
      if (last && at - lastEnd < LEAST_HOLE) {
        last.length = at + length - last.offset;
      } else {
        // The start is no hole either if it is a short one.
        const offset = !last && at < LEAST_HOLE ? 0 : at;
        regions.push({ offset, length: at + length - offset });
      }
      if (regions.length > MOST_REGIONS) return null;
    }
  }
  const stored = regions.reduce((sum, { length }) => sum + length, 0);
  return size - stored < LEAST_HOLE ? null : regions;
}

/** Reads so many bytes, unless the file is shorter by now. */
function readFully(
  fd: number,
  into: Uint8Array,
  length: number,
  path: ByteString,
): number {
  let filled = 0;
  while (filled < length) {
    const count = read(fd, into.subarray(filled, length));
    if (count < 0) throw pathError("read", path, "read", count);
    if (count === 0) break;
    filled += count;
  }
  if (filled < length) {
    throw new LayerError(
      `Cannot read ${quoted(path)}: it became shorter meanwhile`,
      { hint: "Pause or stop the container first." },
    );
  }
  return filled;
}

/** The bytes of parts of a file. */
export function* contentOf(
  fd: number,
  regions: readonly Region[],
  path: ByteString,
): Generator<Uint8Array<ArrayBuffer>> {
  for (const { offset, length } of regions) {
    const moved = seekTo(fd, offset);
    if (moved < 0) throw pathError("read", path, "lseek", moved);
    for (let left = length; left > 0;) {
      const bytes = new Uint8Array(Math.min(CHUNK, left));
      readFully(fd, bytes, bytes.length, path);
      yield bytes;
      left -= bytes.length;
    }
  }
}

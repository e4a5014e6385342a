/**
 * The fields of a tar header: POSIX.1-2001 (ustar and pax), GNU, star and V7.
 * Pure. See tar(5) of libarchive, which describes them all.
 */

import type { Time } from "../../ffi/files/files.ts";
import type { ByteString } from "./byte_string.ts";

/** Everything in a tar file is a multiple of this. */
export const BLOCK = 512;

/** Where a field is: [offset, length]. */
export const FIELD = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  link: [157, 100],
  magic: [257, 8],
  major: [329, 8],
  minor: [337, 8],
  prefix: [345, 155],
  // star has its times after a shorter prefix, and "tar" at the end.
  starPrefix: [345, 131],
  starMagic: [508, 4],
  // GNU's old sparse files.
  sparse: [386, 96],
  sparseMore: [482, 1],
  sparseSize: [483, 12],
} as const;

/** The kinds of entries, and the letters that stand for them. */
export const TYPE = {
  regular: "0",
  regularOld: "\0",
  hardLink: "1",
  symbolicLink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
  contiguous: "7",
  pax: "x",
  paxSolaris: "X",
  paxGlobal: "g",
  gnuName: "L",
  gnuLink: "K",
  gnuSparse: "S",
  gnuDirectory: "D",
  gnuVolume: "V",
} as const;

/** What an entry is after all headers have been read. */
export type Kind =
  | "file"
  | "hardLink"
  | "symbolicLink"
  | "character"
  | "block"
  | "directory"
  | "fifo";

/** A part of a sparse file that has data. */
export interface Region {
  offset: number;
  length: number;
}

/** An entry of an archive, without its data. */
export interface Entry {
  name: ByteString;
  kind: Kind;
  /** The target of a link. */
  link: ByteString;
  /** Without the file type. */
  mode: number;
  uid: number;
  gid: number;
  /** Of the file with its holes, in bytes. */
  size: number;
  modified: Time;
  device: { major: number; minor: number };
  /** Extended attributes; null for none. */
  attributes: ReadonlyMap<ByteString, Uint8Array> | null;
  /** The parts with data, if the file has holes. */
  sparse: readonly Region[] | null;
}

/** A header has the sum that it contains; its own field counts as spaces. */
export function hasItsChecksum(block: Uint8Array, at: number): boolean {
  const [from, length] = FIELD.checksum;
  const wanted = numberIn(block, at + from, length);
  let sum = 0;
  for (let index = at; index < at + BLOCK; index++) sum += block[index]!;
  for (let index = from; index < from + length; index++) {
    sum += 0x20 - block[at + index]!;
  }
  if (sum === wanted) return true;
  // Some old programs added signed characters.
  for (let index = 0; index < BLOCK; index++) {
    const isSum = index >= from && index < from + length;
    if (!isSum && block[at + index]! > 0x7f) sum -= 0x100;
  }
  return sum === wanted;
}

/**
 * The number in a field: octal digits, or GNU's base-256. Returns null if it is
 * neither, and Infinity if it is too large for a file.
 */
export function numberIn(
  block: Uint8Array,
  start: number,
  length: number,
): number | null {
  const first = block[start]!;
  if (first & 0x80) return base256(block, start, length);
  const end = start + length;
  let at = start;
  while (at < end && (block[at] === 0x20 || block[at] === 0)) at++;
  let value = 0;
  for (; at < end; at++) {
    const digit = block[at]! - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  for (; at < end; at++) {
    if (block[at] !== 0x20 && block[at] !== 0) return null;
  }
  return value;
}

/** A number in two's complement; the first bit marks this form. */
function base256(block: Uint8Array, start: number, length: number): number {
  const negative = (block[start]! & 0x40) !== 0;
  let value = negative ? (block[start]! & 0x7f) - 0x80 : block[start]! & 0x7f;
  for (let at = start + 1; at < start + length; at++) {
    value = value * 256 + block[at]!;
  }
  return Number.isSafeInteger(value) ? value : Infinity;
}

/** A decimal number of a pax record; null if it is not a whole number. */
export function decimal(text: string): number | null {
  if (!/^[0-9]{1,16}$/.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : null;
}

/** A time of a pax record, such as 1700000000.25; null if it is none. */
export function paxTime(text: string): Time | null {
  const found = /^(-?)([0-9]{1,12})(?:\.([0-9]*))?$/.exec(text);
  if (!found) return null;
  const [, sign, whole, fraction = ""] = found;
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, "0"));
  const seconds = Number(whole);
  if (!sign) return { seconds, nanoseconds };
  // -1.25 is 0.75 s after -2.
  return nanoseconds === 0
    ? { seconds: 0 - seconds, nanoseconds: 0 }
    : { seconds: -seconds - 1, nanoseconds: 1e9 - nanoseconds };
}

/** The number of bytes that fill the last block. */
export const paddingOf = (size: number): number =>
  (BLOCK - size % BLOCK) % BLOCK;

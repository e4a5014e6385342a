/**
 * Maps of sparse files: which parts of a file are in the archive. GNU tar has
 * four formats: an own header (old), and pax records of version 0.0, 0.1 and
 * 1.0. Pure.
 */

import { byteString } from "./byte_string.ts";
import { type PaxRecords, SPARSE_MAP } from "./pax.ts";
import { BLOCK, decimal, FIELD, numberIn, type Region } from "./tar_format.ts";

/** A map is kept in memory, so an archive must not make it large. */
const MOST_REGIONS = 1 << 17;

/** The length of one region in an old header: offset and length. */
const REGION = 24;
const OLD_REGIONS = 4;
const MORE_REGIONS = 21;
/** Where a block of further regions says that there is one more. */
const MORE = MORE_REGIONS * REGION;

const WRONG = "its map of holes is malformed";
const TOO_LONG = `its map of holes has more than ${MOST_REGIONS} parts`;

/** Adds the regions of a header, or of a block after it. */
function addRegions(
  block: Uint8Array,
  at: number,
  count: number,
  regions: Region[],
): string | null {
  for (let index = 0; index < count; index++, at += REGION) {
    if (block[at] === 0) return null;
    const offset = numberIn(block, at, 12);
    const length = numberIn(block, at + 12, 12);
    if (offset === null || length === null) return WRONG;
    if (regions.length === MOST_REGIONS) return TOO_LONG;
    regions.push({ offset, length });
  }
  return null;
}

/** Reads an old header. Returns the regions and if more follow, or the fault. */
export function oldRegions(
  header: Uint8Array,
  at: number,
): { regions: Region[]; more: boolean } | string {
  const regions: Region[] = [];
  const wrong = addRegions(
    header,
    at + FIELD.sparse[0],
    OLD_REGIONS,
    regions,
  );
  return wrong ?? { regions, more: header[at + FIELD.sparseMore[0]] === 1 };
}

/** Reads a block after an old header. Returns if more follow, or the fault. */
export function moreRegions(
  block: Uint8Array,
  at: number,
  regions: Region[],
): boolean | string {
  return addRegions(block, at, MORE_REGIONS, regions) ??
    block[at + MORE] === 1;
}

/** The map of format 0.0 or 0.1; null if the records have none. */
export function mapInRecords(records: PaxRecords): Region[] | string | null {
  const map = records.get(SPARSE_MAP);
  const count = records.get("GNU.sparse.numblocks");
  if (!map && !count) return null;
  const numbers = map?.length ? byteString(map).split(",").map(decimal) : [];
  const wanted = count ? decimal(byteString(count)) : null;
  if (numbers.length % 2 || numbers.includes(null)) return WRONG;
  if (wanted !== null && wanted * 2 !== numbers.length) return WRONG;
  if (numbers.length / 2 > MOST_REGIONS) return TOO_LONG;
  const regions: Region[] = [];
  for (let index = 0; index < numbers.length; index += 2) {
    regions.push({ offset: numbers[index]!, length: numbers[index + 1]! });
  }
  return regions;
}

/**
 * The map of format 1.0: lines of decimal numbers in front of the data, filled
 * up to whole blocks. Takes bytes until the map is complete.
 */
export class MapReader {
  readonly regions: Region[] = [];
  /** How many bytes of the data belonged to the map. */
  taken = 0;
  #line = "";
  #count: number | null = null;
  #offset: number | null = null;

  /**
   * Reads on. Returns how many bytes it took, or the fault.
   *
   * @param last no more bytes will come
   */
  read(bytes: Uint8Array): number | string {
    let at = 0;
    while (at < bytes.length && !this.done) {
      // The rest of the last block of the map.
      if (this.#isComplete()) {
        const rest = Math.min(bytes.length - at, this.#padding());
        at += rest;
        this.taken += rest;
        continue;
      }
      const byte = bytes[at++]!;
      this.taken++;
      if (byte !== 0x0a) {
        if (this.#line.length > 16) return WRONG;
        this.#line += String.fromCharCode(byte);
        continue;
      }
      const number = decimal(this.#line);
      this.#line = "";
      if (number === null) return WRONG;
      if (this.#count === null) {
        this.#count = number;
        if (number > MOST_REGIONS) return TOO_LONG;
      } else if (this.#offset === null) this.#offset = number;
      else {
        this.regions.push({ offset: this.#offset, length: number });
        this.#offset = null;
      }
    }
    return at;
  }

  /** The map and its padding have been read. */
  get done(): boolean {
    return this.#isComplete() && this.#padding() === 0;
  }

  #isComplete(): boolean {
    return this.#count !== null && this.regions.length === this.#count;
  }

  #padding(): number {
    return (BLOCK - this.taken % BLOCK) % BLOCK;
  }
}

/**
 * Checks that regions are in order, inside the file, and as long as the data.
 * Returns the fault.
 */
export function checkRegions(
  regions: readonly Region[],
  size: number,
  data: number,
): string | null {
  let end = 0;
  let sum = 0;
  for (const { offset, length } of regions) {
    if (offset < end || offset + length > size) return WRONG;
    if (!Number.isSafeInteger(offset + length)) return WRONG;
    end = offset + length;
    sum += length;
  }
  return sum === data ? null : WRONG;
}

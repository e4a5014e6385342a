/**
 * Reads a tar file: a walk over the chunks of a stream, in constant memory. It
 * calls its handler for each entry and each piece of data, synchronously. Pure.
 *
 * What it accepts is what Go's archive/tar accepts, because the other tools
 * read layers with it, and in addition global pax headers, as POSIX has them.
 */

import { type ByteString, byteString, fieldString } from "./byte_string.ts";
import { damaged, quoted, refused } from "./errors.ts";
import { EntryHeaders } from "./entry_headers.ts";
import { readRecords } from "./pax.ts";
import { checkRegions, MapReader, moreRegions } from "./sparse.ts";
import {
  BLOCK,
  type Entry,
  FIELD,
  hasItsChecksum,
  numberIn,
  paddingOf,
  type Region,
  TYPE,
} from "./tar_format.ts";

/** Takes what is in an archive, in order. */
export interface TarHandler {
  entry(entry: Entry): void;
  /** A piece of the file's data. @param offset its place in the file */
  data(bytes: Uint8Array, offset: number): void;
  /** The data of the entry is complete. Called for every entry. */
  end(): void;
}

/** An extended header is kept in memory. Go's archive/tar has the same limit. */
const MOST_HEADER_BYTES = 1 << 20;

/** What the current bytes are. */
type State =
  | "header"
  /** Of an extended header, to be kept. */
  | "kept"
  | "data"
  | "skipped"
  /** A block of further regions of an old sparse file. */
  | "regions"
  /** The map in front of a sparse file's data. */
  | "map"
  | "end";

/** Reads the chunks of an archive. */
export class TarReader {
  readonly #handler: TarHandler;
  readonly #headers = new EntryHeaders();
  #state: State = "header";
  /** The bytes that are left of the current data, and follow it. */
  #left = 0;
  #after = 0;
  /** The bytes to skip now. */
  #padding = 0;
  /** A block that is spread over chunks. */
  readonly #block = new Uint8Array(BLOCK);
  #held = 0;
  #kept = new Uint8Array(0);
  #keptType = "";
  #zeroBlocks = 0;
  #last: ByteString | undefined;
  #entry: Entry | null = null;
  #regions: Region[] = [];
  #map: MapReader | null = null;
  /** The index of the current region, and the offset in the file. */
  #region = 0;
  #offset = 0;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  /** The blocks that end an archive have been read. */
  get ended(): boolean {
    return this.#state === "end";
  }

  /** The name of the last entry, for messages. */
  get last(): ByteString | undefined {
    return this.#last;
  }

  /**
   * The bytes of the current file's data that come next, if they are in the
   * archive as they are in the file.
   */
  get ahead(): number {
    return this.#state === "data" && !this.#entry!.sparse ? this.#left : 0;
  }

  /**
   * Passes over the data that is ahead, and what fills its last block.
   *
   * @returns how many bytes of the archive the caller leaves out
   */
  skip(): number {
    const length = this.#left + this.#after;
    this.#left = 0;
    this.#endData();
    this.#padding = 0;
    return length;
  }

  /**
   * Reads a chunk. What follows the end of the archive is ignored.
   *
   * @throws LayerError if it is not a tar file, or has an entry that no layer
   * can have
   */
  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#padding) {
        const skipped = Math.min(this.#padding, chunk.length - at);
        this.#padding -= skipped;
        at += skipped;
        continue;
      }
      switch (this.#state) {
        case "end":
          return;
        case "header":
        case "regions":
          at += this.#takeBlock(chunk, at);
          break;
        default:
          at += this.#take(chunk, at);
      }
    }
  }

  /**
   * The archive has no more bytes.
   *
   * @throws ArchiveError if it ends inside an entry
   */
  finish(): void {
    // Like Go: the blocks at the end may be missing.
    if (this.#state === "end") return;
    if (
      this.#state !== "header" || this.#held || this.#padding ||
      this.#headers.pending
    ) {
      throw damaged(
        this.#entry
          ? `it ends inside the entry ${quoted(this.#entry.name)}`
          : "it ends inside a header",
        this.#last,
      );
    }
    this.#state = "end";
  }

  #wrong(cause: string): Error {
    return damaged(
      `the entry ${quoted(this.#entry!.name)} is wrong: ${cause}`,
    );
  }

  /** Returns how many bytes it used. */
  #takeBlock(chunk: Uint8Array, at: number): number {
    if (this.#held === 0 && chunk.length - at >= BLOCK) {
      this.#useBlock(chunk, at);
      return BLOCK;
    }
    const taken = Math.min(BLOCK - this.#held, chunk.length - at);
    this.#block.set(chunk.subarray(at, at + taken), this.#held);
    this.#held += taken;
    if (this.#held === BLOCK) {
      this.#held = 0;
      this.#useBlock(this.#block, 0);
    }
    return taken;
  }

  #useBlock(block: Uint8Array, at: number): void {
    if (this.#state === "header") this.#header(block, at);
    else {
      const more = moreRegions(block, at, this.#regions);
      if (typeof more === "string") throw this.#wrong(more);
      if (!more) this.#beginSparse();
    }
  }

  /** Returns how many bytes it used. */
  #take(chunk: Uint8Array, at: number): number {
    const length = Math.min(this.#left, chunk.length - at);
    const bytes = chunk.subarray(at, at + length);
    switch (this.#state) {
      case "kept":
        this.#kept.set(bytes, this.#kept.length - this.#left);
        break;
      case "map": {
        const taken = this.#map!.read(bytes);
        if (typeof taken === "string") throw this.#wrong(taken);
        this.#left -= taken;
        if (this.#map!.done) {
          this.#regions = this.#map!.regions;
          this.#beginSparse();
        } else if (!this.#left) {
          throw this.#wrong("its map of holes is malformed");
        }
        return taken;
      }
      case "data":
        this.#data(bytes);
        break;
    }
    this.#left -= length;
    if (!this.#left) this.#endData();
    return length;
  }

  #data(bytes: Uint8Array): void {
    if (!this.#entry!.sparse) {
      this.#handler.data(bytes, this.#offset);
      this.#offset += bytes.length;
      return;
    }
    for (let at = 0; at < bytes.length;) {
      const { offset, length } = this.#regions[this.#region]!;
      const from = Math.max(this.#offset, offset);
      const part = bytes.subarray(at, at + offset + length - from);
      if (part.length) this.#handler.data(part, from);
      at += part.length;
      this.#offset = from + part.length;
      if (this.#offset === offset + length) this.#region++;
    }
  }

  #endData(): void {
    this.#padding = this.#after;
    switch (this.#state) {
      case "kept":
        this.#endKept();
        break;
      case "data":
        this.#entry = null;
        this.#handler.end();
    }
    this.#state = "header";
  }

  #header(block: Uint8Array, at: number): void {
    if (isZero(block, at)) {
      if (++this.#zeroBlocks === 2) {
        if (this.#headers.pending) {
          throw damaged("it ends after an extended header", this.#last);
        }
        this.#state = "end";
      }
      return;
    }
    if (this.#zeroBlocks) {
      throw damaged("a block of zeros is followed by data", this.#last);
    }
    if (!hasItsChecksum(block, at)) {
      throw damaged(
        this.#last === undefined
          ? "it is not a tar file: the checksum of the first header is wrong"
          : "the checksum of a header is wrong",
        this.#last,
      );
    }
    const type = byteString(
      block,
      at + FIELD.type[0],
      at + FIELD.type[0] + 1,
    );
    switch (type) {
      case TYPE.pax:
      case TYPE.paxSolaris:
      case TYPE.paxGlobal:
      case TYPE.gnuName:
      case TYPE.gnuLink:
        return this.#keep(type, block, at);
    }
    this.#beginEntry(type, block, at);
  }

  #keep(type: string, block: Uint8Array, at: number): void {
    const size = numberIn(block, at + FIELD.size[0], FIELD.size[1]);
    if (size === null || size < 0 || size > MOST_HEADER_BYTES) {
      throw damaged("an extended header is too long", this.#last);
    }
    this.#kept = new Uint8Array(size);
    this.#keptType = type;
    this.#begin("kept", size);
  }

  #endKept(): void {
    const bytes = this.#kept;
    this.#kept = new Uint8Array(0);
    switch (this.#keptType) {
      case TYPE.gnuName:
        this.#headers.gnuName = fieldString(bytes, 0, bytes.length);
        return;
      case TYPE.gnuLink:
        this.#headers.gnuLink = fieldString(bytes, 0, bytes.length);
        return;
    }
    const records = readRecords(bytes);
    if (typeof records === "string") throw damaged(records, this.#last);
    if (this.#keptType === TYPE.paxGlobal) {
      const wrong = this.#headers.addGlobal(records);
      if (wrong) throw damaged(wrong, this.#last);
    } else this.#headers.local = records;
  }

  #beginEntry(type: string, block: Uint8Array, at: number): void {
    const read = this.#headers.entryOf(type, block, at);
    if (typeof read === "string") throw damaged(read, this.#last);
    const { entry, stored, sparse } = read;
    // A label of an archive, and the like: not a file.
    if (!entry) return this.#begin("skipped", stored);
    this.#last = entry.name;
    if (read.refused) throw refused(entry.name, read.refused);
    this.#entry = entry;
    this.#offset = 0;
    this.#region = 0;
    if (entry.kind !== "file") {
      this.#handler.entry(entry);
      this.#entry = null;
      this.#handler.end();
      return this.#begin("skipped", stored);
    }
    if (!sparse) {
      this.#handler.entry(entry);
      return this.#begin("data", stored);
    }
    this.#left = stored;
    this.#padding = 0;
    this.#map = null;
    switch (sparse.where) {
      case "header":
        this.#regions = sparse.regions;
        if (sparse.more) this.#state = "regions";
        else this.#beginSparse();
        break;
      case "data":
        this.#map = new MapReader();
        this.#state = "map";
        if (!stored) throw this.#wrong("its map of holes is missing");
    }
  }

  #beginSparse(): void {
    const entry = this.#entry!;
    const wrong = checkRegions(this.#regions, entry.size, this.#left);
    if (wrong) throw this.#wrong(wrong);
    // An empty region has no data that would lead to the next one.
    this.#regions = this.#regions.filter(({ length }) => length);
    entry.sparse = this.#regions;
    this.#handler.entry(entry);
    this.#begin("data", this.#left);
  }

  /** @param size of the data that follows, without its padding */
  #begin(state: State, size: number): void {
    this.#state = state;
    this.#left = size;
    this.#after = paddingOf(size);
    if (!size) this.#endData();
  }
}

function isZero(block: Uint8Array, at: number): boolean {
  for (let index = at; index < at + BLOCK; index++) {
    if (block[index]) return false;
  }
  return true;
}

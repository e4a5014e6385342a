/**
 * Decompresses gzip (RFC 1952) by node:zlib. Members that follow each other are
 * one stream; what follows them and is no member is ignored. node:zlib itself
 * loses the last bytes of a stream that has something behind it, so the headers
 * and trailers are read here. Runs in the process that unpacks.
 */

import { Buffer } from "node:buffer";
import { crc32, createInflateRaw } from "node:zlib";
import type { Decompressor, Take } from "./decompressor.ts";
import { damaged } from "../tar/errors.ts";
import { ZlibStream } from "./zlib_stream.ts";

/** Fewer and larger writes. */
export const CHUNK_SIZE = 1 << 18;

const FLAG = { crc: 2, extra: 4, name: 8, comment: 16 } as const;
const FIXED = 10;
const TRAILER = 8;
/** A header holds names; nobody writes long ones. */
const MOST_HEADER_BYTES = 1 << 17;

/** The length of a member's header; null if it is not complete. */
function headerLength(bytes: Uint8Array): number | null {
  if (bytes.length < FIXED) return null;
  const flags = bytes[3]!;
  let at = FIXED;
  if (flags & FLAG.extra) {
    if (bytes.length < at + 2) return null;
    at += 2 + bytes[at]! + 256 * bytes[at + 1]!;
  }
  for (const flag of [FLAG.name, FLAG.comment]) {
    if (!(flags & flag)) continue;
    const end = at < bytes.length ? bytes.indexOf(0, at) : -1;
    if (end < 0) return null;
    at = end + 1;
  }
  if (flags & FLAG.crc) at += 2;
  return at <= bytes.length ? at : null;
}

/** Whether the bytes can be the start of a member. */
const isMember = (bytes: Uint8Array) =>
  [0x1f, 0x8b, 8].every((byte, at) => at >= bytes.length || bytes[at] === byte);

/** Decompresses the chunks of a gzip stream. */
export class Gunzip implements Decompressor {
  readonly #take: Take;
  #state: "header" | "body" | "trailer" | "end" = "header";
  #held = new Uint8Array(0);
  #members = 0;
  #crc = 0;
  #length = 0;
  #inflate: ZlibStream | null = null;

  constructor(take: Take) {
    this.#take = take;
  }

  async push(chunk: Uint8Array): Promise<void> {
    for (let rest = chunk; rest.length && this.#state !== "end";) {
      if (this.#state === "body") rest = await this.#body(rest);
      else {
        const held = new Uint8Array(this.#held.length + rest.length);
        held.set(this.#held);
        held.set(rest, this.#held.length);
        const used = this.#state === "header"
          ? this.#header(held)
          : this.#trailer(held);
        if (used === null) {
          this.#held = held;
          return;
        }
        this.#held = new Uint8Array(0);
        rest = held.subarray(used);
      }
    }
  }

  async finish(): Promise<void> {
    if (this.#state === "end") return;
    // The end of a member shows only with the bytes that follow it.
    const complete = this.#state === "header" && this.#members > 0;
    if (!complete) {
      await Promise.resolve();
      throw damaged("the compressed stream (gzip) ends too early");
    }
  }

  #header(bytes: Uint8Array): number | null {
    if (!isMember(bytes)) {
      if (!this.#members) {
        throw damaged("its header is not one of gzip");
      }
      this.#state = "end";
      return bytes.length;
    }
    const length = headerLength(bytes);
    if (length === null) {
      if (bytes.length > MOST_HEADER_BYTES) {
        throw damaged("the header of the compressed stream (gzip) is too long");
      }
      return null;
    }
    this.#crc = 0;
    this.#length = 0;
    this.#inflate = new ZlibStream(
      createInflateRaw({ chunkSize: CHUNK_SIZE }),
      (bytes) => {
        this.#crc = crc32(
          Buffer.from(
            bytes.buffer as ArrayBuffer,
            bytes.byteOffset,
            bytes.length,
          ),
          this.#crc,
        );
        this.#length += bytes.length;
        this.#take(bytes);
      },
    );
    this.#state = "body";
    return length;
  }

  /** Returns what follows the body. */
  async #body(bytes: Uint8Array): Promise<Uint8Array> {
    const inflate = this.#inflate!;
    try {
      await inflate.feed(bytes);
    } catch (error) {
      throw isZlibError(error)
        ? damaged(`the compressed stream (gzip) is damaged: ${error.message}`)
        : error;
    }
    const { unused } = inflate;
    if (!unused) return bytes.subarray(bytes.length);
    inflate[Symbol.dispose]();
    this.#inflate = null;
    this.#state = "trailer";
    return bytes.subarray(bytes.length - unused);
  }

  #trailer(bytes: Uint8Array): number | null {
    if (bytes.length < TRAILER) return null;
    const view = new DataView(bytes.buffer, bytes.byteOffset, TRAILER);
    if (
      view.getUint32(0, true) !== this.#crc ||
      view.getUint32(4, true) !== this.#length % 2 ** 32
    ) {
      throw damaged("the checksum of the compressed stream (gzip) is wrong");
    }
    this.#members++;
    this.#state = "header";
    return TRAILER;
  }

  [Symbol.dispose](): void {
    this.#inflate?.[Symbol.dispose]();
  }
}

/** An error of node:zlib, such as Z_DATA_ERROR. */
export const isZlibError = (error: unknown): error is Error =>
  error instanceof Error && "code" in error && /^Z/.test(String(error.code));

/**
 * The frames of a zstd stream (RFC 8878): where each begins and ends. The
 * decoder takes one frame at a time, and does not see what follows it. Pure.
 */

import { damaged } from "../tar/errors.ts";

/** Takes the bytes of frames. @param last they end the frame */
export type TakeFrame = (bytes: Uint8Array, last: boolean) => void;

const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;
const MAGIC_LENGTH = 4;
const BLOCK_HEADER = 3;
const CHECKSUM = 4;
/** The block types of RFC 8878. */
const BLOCK_TYPE = { repeated: 1, reserved: 3 } as const;

/**
 * The most bytes that a frame can refer back to, which the decoder keeps in
 * memory. zstd(1) has the same limit (--long=27).
 */
const LARGEST_WINDOW = 128 << 20;

/** What the next bytes are. */
type State =
  | "magic"
  | "skipLength"
  | "descriptor"
  | "header"
  | "block"
  | "content"
  | "checksum"
  | "skip"
  | "end";

/** Divides a stream into frames. Frames without data are left out. */
export class ZstdFrames {
  readonly #take: TakeFrame;
  #state: State = "magic";
  /** Bytes of a header that is spread over chunks. */
  readonly #held: number[] = [];
  /** How many bytes the state takes. */
  #wanted = MAGIC_LENGTH;
  #frames = 0;
  #descriptor = 0;
  #isLast = false;

  constructor(take: TakeFrame) {
    this.#take = take;
  }

  /** Takes a chunk. What follows the last frame is ignored. */
  push(chunk: Uint8Array): void {
    // Everything from here on belongs to a frame and is not yet given on.
    let from = 0;
    let at = 0;
    const give = (last: boolean) => {
      if (at > from) this.#take(chunk.subarray(from, at), last);
      from = at;
    };
    while (at < chunk.length) {
      switch (this.#state) {
        case "end":
          return;
        case "skip":
        case "content": {
          const length = Math.min(this.#wanted, chunk.length - at);
          at += length;
          this.#wanted -= length;
          if (this.#state === "skip") from = at;
          if (!this.#wanted) {
            if (this.#state === "skip") this.#next("magic", MAGIC_LENGTH);
            else if (this.#endBlock()) give(true);
          }
          continue;
        }
      }
      this.#held.push(chunk[at++]!);
      if (this.#held.length < this.#wanted) continue;
      const bytes = Uint8Array.from(this.#held.splice(0));
      if (this.#state === "magic" || this.#state === "skipLength") {
        from = at;
        if (this.#begin(bytes)) this.#take(bytes, false);
      } else if (this.#inside(bytes)) give(true);
    }
    if (!["magic", "skipLength", "skip", "end"].includes(this.#state)) {
      give(false);
    }
  }

  /** @throws ArchiveError if the last frame is not complete */
  finish(): void {
    const complete = this.#state === "end" ||
      this.#state === "magic" && this.#frames > 0;
    if (!complete) throw damaged("the compressed stream (zstd) ends too early");
  }

  #next(state: State, wanted: number): void {
    this.#state = state;
    this.#wanted = wanted;
  }

  /** Reads what is in front of a frame. Returns if the bytes belong to it. */
  #begin(bytes: Uint8Array): boolean {
    const number = new DataView(bytes.buffer).getUint32(0, true);
    if (this.#state === "skipLength") {
      this.#next(number ? "skip" : "magic", number || MAGIC_LENGTH);
      return false;
    }
    if (number === MAGIC) {
      this.#next("descriptor", 1);
      return true;
    }
    if ((number & 0xfffffff0) === SKIPPABLE) {
      this.#frames++;
      this.#next("skipLength", 4);
    } else if (this.#frames) this.#state = "end";
    else throw damaged("its header is not one of zstd");
    return false;
  }

  /** Reads a part of a frame. Returns if it is the end of the frame. */
  #inside(bytes: Uint8Array): boolean {
    switch (this.#state) {
      case "descriptor":
        this.#descriptor = bytes[0]!;
        this.#next("header", this.#headerLength());
        return false;
      case "header":
        if (windowOf(this.#descriptor, bytes) > LARGEST_WINDOW) {
          throw damaged(
            "its compression (zstd) needs more than 128 MiB of memory",
          );
        }
        this.#next("block", BLOCK_HEADER);
        return false;
      case "block": {
        const number = bytes[0]! | bytes[1]! << 8 | bytes[2]! << 16;
        const type = number >> 1 & 3;
        if (type === BLOCK_TYPE.reserved) {
          throw damaged("the compressed stream (zstd) is damaged");
        }
        this.#isLast = (number & 1) === 1;
        const length = type === BLOCK_TYPE.repeated ? 1 : number >> 3;
        this.#next("content", length);
        return length === 0 && this.#endBlock();
      }
      default:
        return this.#endFrame();
    }
  }

  /** The length of the rest of a frame's header, never 0. */
  #headerLength(): number {
    const { isSingle, dictionary, size } = partsOf(this.#descriptor);
    return (isSingle ? 0 : 1) + dictionary + size;
  }

  get #hasChecksum(): boolean {
    return (this.#descriptor >> 2 & 1) === 1;
  }

  #endBlock(): boolean {
    if (!this.#isLast) {
      this.#next("block", BLOCK_HEADER);
      return false;
    }
    if (!this.#hasChecksum) return this.#endFrame();
    this.#next("checksum", CHECKSUM);
    return false;
  }

  #endFrame(): boolean {
    this.#frames++;
    this.#next("magic", MAGIC_LENGTH);
    return true;
  }
}

/** The lengths of the parts of a frame's header, from its descriptor. */
function partsOf(descriptor: number) {
  const isSingle = (descriptor >> 5 & 1) === 1;
  return {
    isSingle,
    dictionary: [0, 1, 2, 4][descriptor & 3]!,
    size: [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6]!,
  };
}

/** The size of a frame's window, RFC 8878, section 3.1.1.1.2. */
function windowOf(descriptor: number, header: Uint8Array): number {
  const { isSingle, dictionary, size } = partsOf(descriptor);
  if (!isSingle) {
    const base = 2 ** (10 + (header[0]! >> 3));
    return base + base / 8 * (header[0]! & 7);
  }
  // The window is the whole content.
  let length = size === 2 ? 256 : 0;
  for (let at = 0; at < size; at++) {
    length += header[dictionary + at]! * 256 ** at;
  }
  return length;
}

/**
 * Decompresses zstd by fzstd. node:zlib is five times faster, but Deno's is no
 * choice for bytes from the network: Deno before 2.7 has none, and in 2.9 a wrong
 * checksum after the first 256 kB is thrown where nobody can catch it. Runs in
 * the process that unpacks.
 */

import { Decompress } from "fzstd";
import type { Decompressor, Take } from "./decompressor.ts";
import { damaged } from "../tar/errors.ts";
import { ZstdFrames } from "./zstd_frames.ts";

/** Decompresses the chunks of a zstd stream. */
export class Unzstd implements Decompressor {
  readonly #take: Take;
  readonly #frames: ZstdFrames;
  /** The decoder of the current frame. */
  #decoder: Decompress | null = null;
  /** What `take` threw: an error that is not about the stream. */
  #thrown: { error: unknown } | null = null;

  constructor(take: Take) {
    this.#take = take;
    this.#frames = new ZstdFrames((bytes, last) => this.#decode(bytes, last));
  }

  push(chunk: Uint8Array): Promise<void> {
    try {
      this.#frames.push(chunk);
    } catch (error) {
      return Promise.reject(error);
    }
    return Promise.resolve();
  }

  finish(): Promise<void> {
    try {
      this.#frames.finish();
    } catch (error) {
      return Promise.reject(error);
    }
    return Promise.resolve();
  }

  #decode(bytes: Uint8Array, last: boolean): void {
    this.#decoder ??= new Decompress((data) => {
      try {
        if (data.length) this.#take(data);
      } catch (error) {
        this.#thrown = { error };
        throw error;
      }
    });
    try {
      this.#decoder.push(bytes, last);
    } catch (error) {
      throw this.#thrown ? this.#thrown.error : damaged(
        `the compressed stream (zstd) is damaged: ${
          error instanceof Error ? error.message : error
        }`,
      );
    }
    if (last) this.#decoder = null;
  }

  [Symbol.dispose](): void {}
}

/**
 * A stream of node:zlib as a function from bytes to bytes. Each piece that comes
 * out is taken before the next one is made, so the memory stays constant however
 * much a few bytes expand to. Runs in the process that unpacks.
 */

import type { Transform } from "node:stream";
import type { Take } from "./decompressor.ts";

/** Feeds a stream, one chunk at a time. */
export class ZlibStream implements Disposable {
  readonly #stream: Transform & { bytesWritten: number };
  #fed = 0;
  #failure: unknown;
  #failed = false;
  #ended = false;
  #wake: (() => void) | null = null;

  constructor(stream: Transform, take: Take) {
    this.#stream = stream as Transform & { bytesWritten: number };
    stream.on("data", (piece: Uint8Array<ArrayBuffer>) => {
      if (this.#failed) return;
      // slice() of node's own type would not copy.
      const { buffer, byteOffset, length } = piece;
      try {
        take(new Uint8Array(buffer, byteOffset, length));
        release(piece);
      } catch (error) {
        this.#fail(error);
      }
    });
    stream.on("error", (error: Error) => this.#fail(error));
    stream.on("end", () => {
      this.#ended = true;
      this.#wake?.();
    });
  }

  #fail(error: unknown): void {
    if (!this.#failed) this.#failure = error;
    this.#failed = true;
    this.#wake?.();
  }

  /** What the stream did not need: it ends before these bytes. */
  get unused(): number {
    return this.#fed - this.#stream.bytesWritten;
  }

  /**
   * Feeds a chunk, and waits until everything has come out.
   *
   * @throws the error of the stream, or of `take`
   */
  feed(bytes: Uint8Array): Promise<void> {
    this.#fed += bytes.length;
    return this.#until((done) => this.#stream.write(bytes, done));
  }

  /** No more bytes come. */
  finish(): Promise<void> {
    return this.#until(() => this.#stream.end());
  }

  async #until(act: (done: () => void) => void): Promise<void> {
    if (!this.#failed && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        act(() => resolve());
      });
      this.#wake = null;
    }
    if (this.#failed) throw this.#failure;
  }

  [Symbol.dispose](): void {
    this.#stream.destroy();
  }
}

/**
 * Gives the memory of a buffer back that the stream has filled to its end. The
 * collector would let 64 MB of them come together first.
 */
function release(
  { buffer, byteOffset, length }: Uint8Array<ArrayBuffer>,
): void {
  if (byteOffset + length === buffer.byteLength) buffer.transfer(0);
}

/**
 * gzip for layers: pieces of a fixed size, each a member of its own, several at
 * once. RFC 1952 allows a file of several members, and every reader takes them.
 * The same content gives the same bytes. Runs in the command's process.
 */

import { gzip } from "node:zlib";
import { Digester } from "./spec/digest.ts";
import { storeError } from "./store/places.ts";

/** The bytes of a piece, without compression. */
const PIECE = 1 << 20;
/** As many at once as are worth it, so the memory has a limit. */
const AT_ONCE = 4;
/** Higher levels take twice the time or more for a quarter less. */
const LEVEL = 1;

const compressed = (bytes: Uint8Array): Promise<Uint8Array> =>
  new Promise((resolve, reject) =>
    gzip(
      bytes,
      { level: LEVEL },
      (error, result) => error ? reject(error) : resolve(result),
    )
  );

/** Writes a compressed file. */
export class BlockGzip implements Disposable {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  readonly #digester = new Digester();
  #piece = new Uint8Array(PIECE);
  #filled = 0;
  readonly #waiting: Promise<Uint8Array>[] = [];
  #size = 0;

  /** @param path of the new file */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#file = Deno.openSync(path, {
        createNew: true,
        write: true,
        mode: 0o644,
      });
    } catch (error) {
      throw storeError(path, error);
    }
  }

  /** Takes bytes; call room() before. */
  push(bytes: Uint8Array): void {
    for (let rest = bytes; rest.length;) {
      const part = rest.subarray(0, PIECE - this.#filled);
      this.#piece.set(part, this.#filled);
      this.#filled += part.length;
      rest = rest.subarray(part.length);
      if (this.#filled === PIECE) this.#close();
    }
  }

  #close(): void {
    const result = compressed(this.#piece.subarray(0, this.#filled));
    // The error is thrown where the piece is written.
    result.catch(() => {});
    this.#waiting.push(result);
    this.#piece = new Uint8Array(PIECE);
    this.#filled = 0;
  }

  /** Waits until there is room for more. */
  async room(): Promise<void> {
    while (this.#waiting.length >= AT_ONCE) await this.#write();
  }

  async #write(): Promise<void> {
    const bytes = await this.#waiting.shift()!;
    this.#digester.update(bytes);
    this.#size += bytes.length;
    try {
      for (let rest = bytes; rest.length;) {
        rest = rest.subarray(this.#file.writeSync(rest));
      }
    } catch (error) {
      throw storeError(this.#path, error);
    }
  }

  /** Writes the rest; returns the digest and the size of the file. */
  async end(): Promise<{ digest: string; size: number }> {
    if (this.#filled) this.#close();
    while (this.#waiting.length) await this.#write();
    return { digest: this.#digester.end(), size: this.#size };
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

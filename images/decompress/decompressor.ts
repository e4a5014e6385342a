/** What decompresses a stream. */

/** Takes bytes, in order. Their memory is used again as soon as it returns. */
export type Take = (bytes: Uint8Array) => void;

/** Decompresses chunks. */
export interface Decompressor extends Disposable {
  /** Takes a chunk, and gives on what comes out of it. */
  push(chunk: Uint8Array): Promise<void>;
  /** @throws ArchiveError if the stream is not complete */
  finish(): Promise<void>;
}

/**
 * From a layer's blob to its tar file: gzip, zstd, or neither. What a blob is
 * shows in its first bytes, as for docker and podman; its media type may lie.
 * Runs in the process that unpacks.
 */

import type { Decompressor, Take } from "./decompressor.ts";
import { damaged, LayerError } from "../tar/errors.ts";
import { Gunzip } from "./gunzip.ts";
import { Unzstd } from "./unzstd.ts";

const FORMATS: readonly [name: string, magic: readonly number[]][] = [
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
];

/** zstd:chunked and pzstd begin with a frame that holds no data. */
const isSkippable = (bytes: Uint8Array) =>
  bytes.length >= 4 && (bytes[0]! & 0xf0) === 0x50 && bytes[1] === 0x2a &&
  bytes[2] === 0x4d && bytes[3] === 0x18;

/** As many bytes as it takes to know the format. */
const ENOUGH = 6;

/** The name of a compression by its first bytes; null for none. */
export function compressionOf(start: Uint8Array): string | null {
  if (isSkippable(start)) return "zstd";
  const found = FORMATS.find(([, magic]) =>
    magic.every((byte, at) => start[at] === byte)
  );
  return found?.[0] ?? null;
}

function decompressorFor(start: Uint8Array, take: Take): Decompressor {
  switch (compressionOf(start)) {
    case null:
      return new Plain(take);
    case "gzip":
      return new Gunzip(take);
    case "zstd":
      return new Unzstd(take);
    case "bzip2":
    case "xz":
      throw new LayerError(
        `Cannot read the layer: it is compressed with ${compressionOf(start)}`,
        { hint: "Compress it with gzip or zstd." },
      );
  }
  throw damaged("its compression is not known");
}

class Plain implements Decompressor {
  constructor(readonly take: Take) {}
  push(chunk: Uint8Array): Promise<void> {
    this.take(chunk);
    return Promise.resolve();
  }
  finish(): Promise<void> {
    return Promise.resolve();
  }
  [Symbol.dispose](): void {}
}

/**
 * Decompresses a stream. Bytes after the end of a compressed stream are
 * ignored, as docker does.
 *
 * @throws ArchiveError if the stream is damaged or not complete
 * @throws whatever the source or `take` throws
 */
export async function decompress(
  source: AsyncIterable<Uint8Array>,
  take: Take,
): Promise<void> {
  let start: Uint8Array | null = new Uint8Array(0);
  let decompressor: Decompressor | null = null;
  try {
    for await (const chunk of source) {
      if (decompressor) {
        await decompressor.push(chunk);
        continue;
      }
      const joined: Uint8Array = start!.length
        ? concatenated(start!, chunk)
        : chunk;
      if (joined.length < ENOUGH) {
        start = joined.slice();
        continue;
      }
      start = null;
      decompressor = decompressorFor(joined, take);
      await decompressor.push(joined);
    }
    if (start?.length) {
      decompressor = decompressorFor(start, take);
      await decompressor.push(start);
    }
    await decompressor?.finish();
  } finally {
    decompressor?.[Symbol.dispose]();
  }
}

function concatenated(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}

/**
 * Adds a layer that this machine has made: its archive is compressed into a blob
 * and unpacked at the same time. Runs in the command's process.
 */

import { BlockGzip } from "./block_gzip.ts";
import { finishLayer } from "./layers/finish_layer.ts";
import { unpackLayer } from "./layers/unpack_layer.ts";
import { chainIds } from "./spec/digest.ts";
import { unpackRights } from "./store/ids.ts";
import { layerFiles } from "./store/places.ts";
import { layerRecord } from "./store/summaries.ts";
import type { Work } from "./store/work.ts";

/** A layer of a work. */
export interface NewLayer {
  /** The digest and the size of its compressed blob. */
  digest: string;
  size: number;
  diffId: string;
  chain: string;
}

/** A piece of compressed data may become a thousand times as much. */
const PIECE = 1 << 16;

/**
 * Adds a layer to a work.
 *
 * @param archive a tar file, compressed or not
 * @param options.below the diff IDs of the layers below, the lowest first
 * @throws {ContainerError} if it is damaged, or cannot be written
 */
export async function addNewLayer(
  work: Work,
  archive: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { below, maxUnpacked = Infinity, signal, onRead }: {
    below: readonly string[];
    maxUnpacked?: number;
    signal?: AbortSignal;
    onRead?(bytes: number): void;
  },
): Promise<NewLayer> {
  const file = `${work.path}/blob-new`;
  using blob = new BlockGzip(file);
  const into = work.newLayer();
  const unpacked = await unpackLayer(inPieces(archive, () => blob.room()), {
    ...unpackRights(),
    into,
    maxUnpacked,
    signal,
    onRead,
    onContent: (bytes) => blob.push(bytes),
  });
  const { digest, size } = await blob.end();
  const { diffId, hidesAll, unfinished } = unpacked;
  const chains = chainIds([...below, diffId]);
  const chain = chains.at(-1)!;
  const lowers = lowersOf(work.store, chains.slice(0, -1));
  finishLayer({ layer: into, unfinished, lowers });
  work.adoptLayer(chain);
  work.layerDone(chain, {
    diffId,
    size: unpacked.size,
    ...hidesAll ? { hidesAll } : {},
  });
  await Deno.rename(file, work.blob(digest));
  return { digest, size, diffId, chain };
}

/** The directories of layers of the store, the top first. */
function lowersOf(store: string, chains: readonly string[]): string[] {
  const lowers: string[] = [];
  for (const chain of chains.toReversed()) {
    lowers.push(layerFiles(store, chain));
    if (layerRecord(store, chain)?.hidesAll) break;
  }
  return lowers;
}

async function* inPieces(
  archive: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  room: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of archive) {
    for (let at = 0; at < chunk.length; at += PIECE) {
      await room();
      yield chunk.subarray(at, at + PIECE);
    }
  }
}

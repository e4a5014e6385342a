/**
 * Adds the layers of an image to a work: several at once arrive, are verified,
 * kept as blobs and unpacked. Then they are finished from the lowest to the
 * highest. Runs in the command's process.
 */

import { withoutControls } from "../spec/controls.ts";
import { ContainerError } from "../spec/errors.ts";
import { atOnce } from "./at_once.ts";
import type { OnProgress } from "./progress.ts";
import { chainIds } from "./spec/digest.ts";
import { compressionOf, isForeign } from "./spec/media_types.ts";
import type { Descriptor } from "./spec/types.ts";
import { hasBlob, streamBlob, writeThrough } from "./store/blobs.ts";
import { layerFiles } from "./store/places.ts";
import { type LayerRecord, layerRecord } from "./store/summaries.ts";
import type { Work } from "./store/work.ts";

/** A layer that has been unpacked. */
export interface UnpackedLayer extends LayerRecord {
  /** The number of files that could not get their owner. */
  lostOwners?: number;
  /**
   * Does what needs the layers below, which are complete then.
   *
   * @param below the directories of the layers below, the lowest first
   */
  finish(below: readonly string[]): void;
}

/** Unpacks layers: what this room needs of images/layers. */
export interface LayerUnpacker {
  /**
   * Unpacks a layer into a directory that it makes.
   *
   * @throws {ContainerError} for a layer that is damaged or refused
   */
  unpack(source: AsyncIterable<Uint8Array>, options: {
    into: string;
    mediaType: string;
    maxUnpacked: number;
    signal: AbortSignal;
  }): Promise<UnpackedLayer>;
}

/** The layers to add, and how. */
export interface LayerOptions {
  /** The image, for messages. */
  name: string;
  layers: readonly Descriptor[];
  diffIds: readonly string[];
  /** Fetches a layer that is not here. */
  fetch(layer: Descriptor): AsyncIterable<Uint8Array>;
  /** What to do if a layer is not what its digest says. */
  damagedHint?: string;
  unpacker: LayerUnpacker;
  maxUnpacked: number;
  signal?: AbortSignal;
  onProgress?: OnProgress;
}

/** As many layers at once as docker takes. */
const AT_ONCE = 3;
/** Bytes between two messages about a layer. */
const STEP = 256 * 1024;

interface Task {
  layer: Descriptor;
  diffId: string;
  chain: string;
  /** An earlier layer with the same blob. */
  twin?: Task;
  /** The file of its blob while it is not in the store. */
  file?: string;
  done?: Promise<void>;
  unpacked?: UnpackedLayer;
}

/**
 * Adds the layers that are not in the store yet.
 *
 * @throws {ContainerError}
 */
export async function addLayers(
  work: Work,
  options: LayerOptions,
): Promise<void> {
  const { layers, diffIds, name, onProgress } = options;
  const chains = chainIds(diffIds);
  work.pin([], chains);
  const tasks: Task[] = [];
  for (const [index, layer] of layers.entries()) {
    const { digest } = layer;
    tasks.push({
      layer,
      diffId: diffIds[index]!,
      chain: chains[index]!,
      twin: tasks.find((other) => other.layer.digest === digest),
    });
  }
  onProgress?.({
    kind: "begin",
    name,
    layers: layers.map(({ digest, size }) => ({ digest, size })),
  });
  let unpacked = 0;
  await atOnce(
    tasks,
    AT_ONCE,
    async (task, signal) => {
      await (task.done = add(task, work, options, signal));
      unpacked += task.unpacked?.size ?? 0;
      // A manifest can name one small layer five hundred times.
      if (unpacked > options.maxUnpacked) throw tooLarge(options);
    },
    options.signal,
  );
  finishAll(tasks, work);
  const lost = tasks.reduce(
    (sum, { unpacked }) => sum + (unpacked?.lostOwners ?? 0),
    0,
  );
  if (!lost) return;
  onProgress?.({ kind: "warning", text: lostOwners(name, lost) });
}

const tooLarge = ({ name, maxUnpacked }: LayerOptions) =>
  new ContainerError(
    `Cannot use ${name}: its layers have more than ${maxUnpacked} bytes without their compression`,
    { hint: "If you trust the image, raise the limit with --max-unpacked." },
  );

const lostOwners = (name: string, count: number) =>
  `${count} files of ${name} belong to root instead of their owner, because only your own ID is mapped. To have more IDs, add ranges to /etc/subuid and /etc/subgid, and install newuidmap; see container doctor`;

/** Finishes the layers from the lowest to the highest. */
function finishAll(tasks: readonly Task[], work: Work): void {
  const below: string[] = [];
  for (const { unpacked, chain } of tasks) {
    const record = unpacked ?? layerRecord(work.store, chain);
    // What a layer hides is not there for those above it.
    if (record?.hidesAll) below.length = 0;
    if (unpacked) {
      unpacked.finish(below);
      const { diffId, size, hidesAll } = unpacked;
      work.layerDone(chain, {
        diffId,
        size,
        ...hidesAll ? { hidesAll } : {},
      });
    }
    below.push(
      unpacked ? work.layerFiles(chain) : layerFiles(work.store, chain),
    );
  }
}

async function add(
  task: Task,
  work: Work,
  options: LayerOptions,
  signal: AbortSignal,
): Promise<void> {
  const { layer, chain, diffId, twin } = task;
  const { digest, size } = layer;
  const { onProgress, unpacker, maxUnpacked, name } = options;
  const isUnpacked = layerRecord(work.store, chain) !== null;
  const isHere = hasBlob(work.store, digest, size);
  if (isUnpacked && (isHere || twin)) {
    onProgress?.({ kind: "layer", digest, state: "here", bytes: size });
    return;
  }
  await twin?.done;
  const source = counted(
    isHere
      ? streamBlob(work.store, digest)
      : twin?.file !== undefined
      ? streamFile(twin.file)
      : fetched(task, work, options),
    (bytes) => onProgress?.({ kind: "layer", digest, state: "moving", bytes }),
    signal,
  );
  try {
    if (!isUnpacked) {
      task.unpacked = await unpacker.unpack(keptOpen(source), {
        into: work.layer(chain),
        mediaType: layer.mediaType,
        maxUnpacked,
        signal,
      });
    }
    // What follows the end of the archive belongs to the blob.
    for await (const _ of source);
  } finally {
    await source.return(undefined);
  }
  const found = task.unpacked?.diffId ?? diffId;
  if (found !== diffId) {
    throw new ContainerError(
      `Cannot use ${name}: its layer ${digest} has other content than its configuration says (${found})`,
      { hint: "The image is broken: ask its author, or choose another." },
    );
  }
  onProgress?.({ kind: "layer", digest, state: "done", bytes: size });
}

/** A layer that is fetched, and kept as a blob. */
function fetched(
  task: Task,
  work: Work,
  { name, fetch, damagedHint }: LayerOptions,
): AsyncGenerator<Uint8Array> {
  const { layer } = task;
  if (compressionOf(layer.mediaType) === null) {
    throw new ContainerError(`Cannot use ${name}: it has an unknown layer`);
  }
  if (isForeign(layer.mediaType) && layer.urls?.length) {
    throw new ContainerError(
      `Cannot use ${name}: a layer is not in the registry, but at ${
        withoutControls(layer.urls[0]!)
      }`,
      { hint: "Such layers are not supported: choose another image." },
    );
  }
  task.file = work.blob(layer.digest);
  return writeThrough(fetch(layer), task.file, layer, name, damagedHint);
}

async function* streamFile(path: string): AsyncGenerator<Uint8Array> {
  using file = await Deno.open(path);
  yield* file.readable;
}

/** Tells how much has passed, and ends with the signal. */
async function* counted(
  source: AsyncIterable<Uint8Array>,
  tell: (bytes: number) => void,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  let told = 0;
  for await (const part of source) {
    signal.throwIfAborted();
    bytes += part.length;
    if (bytes - told >= STEP) tell(told = bytes);
    yield part;
  }
}

/** The same stream; a reader that stops early does not end it. */
const keptOpen = (
  source: AsyncGenerator<Uint8Array>,
): AsyncIterable<Uint8Array> => ({
  [Symbol.asyncIterator]: () => ({ next: () => source.next() }),
});

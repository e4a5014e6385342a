/**
 * Makes an image of the store ready to run: its layers are unpacked, also those
 * that another tool has put there. Runs on the host, in the command's process.
 */

import { ContainerError } from "../spec/errors.ts";
import type { LayerUnpacker } from "./layer_work.ts";
import { type ImageConfig, parseImageConfig } from "./spec/image_config.ts";
import { parseDocument } from "./spec/types.ts";
import { readBlob } from "./store/blobs.ts";
import type { ImageStore, StoredImage } from "./store/store.ts";
import { layerRecord } from "./store/summaries.ts";

/** The configuration of an image of the store. */
export const configHere = (
  { path }: ImageStore,
  { id, name }: StoredImage,
): ImageConfig => parseImageConfig(name ?? id, readBlob(path, id));

/** The chain IDs of an image's layers that are not unpacked. */
export const missingLayers = (
  { path }: ImageStore,
  { chains }: StoredImage,
): string[] => chains.filter((chain) => layerRecord(path, chain) === null);

/** Whether all layers of an image are unpacked. */
export const isUnpacked = (store: ImageStore, image: StoredImage): boolean =>
  !missingLayers(store, image).length;

/**
 * Unpacks the layers of an image whose blobs are here.
 *
 * @throws {ContainerError} if a blob is missing or damaged
 */
export async function unpackHere(
  store: ImageStore,
  image: StoredImage,
  options: {
    unpacker: LayerUnpacker;
    maxUnpacked: number;
    signal?: AbortSignal;
  },
): Promise<void> {
  if (isUnpacked(store, image)) return;
  const { addLayers } = await import("./layer_work.ts");
  const { digest, id, blobs, name = id } = image;
  using work = store.begin();
  work.pin([digest, id, ...blobs]);
  const document = parseDocument(digest, readBlob(store.path, digest));
  if (document.kind === "index") return;
  await addLayers(work, {
    ...options,
    name,
    layers: document.manifest.layers,
    diffIds: configHere(store, image).diffIds,
    fetch: ({ digest }) => {
      throw new ContainerError(
        `The store of images lacks a layer of ${name}: ${digest}`,
        { hint: "Pull the image again." },
      );
    },
  });
  work.commit();
}

/**
 * The chain IDs of the layers that a container of an image sees, the top first.
 */
export function lowerHere(
  { path }: ImageStore,
  { chains }: StoredImage,
): string[] {
  const layers: string[] = [];
  for (const chain of chains.toReversed()) {
    layers.push(chain);
    // An overlay does not see by itself that such a layer hides those below.
    if (layerRecord(path, chain)?.hidesAll) break;
  }
  return layers;
}

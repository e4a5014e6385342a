/**
 * Finds out what `run` needs of an image whose layers are unpacked. Runs on the
 * host, in the process that has fetched the image, or that runs it first.
 */

import { configHere, lowerHere } from "./image_here.ts";
import { filesInLayers } from "./layers/files_in_layers.ts";
import { keepReady } from "./store/keep_ready.ts";
import { layerFiles } from "./store/places.ts";
import { EXAMINED, type ReadyImage } from "./store/ready.ts";
import type { ImageStore, StoredImage } from "./store/store.ts";

/** What is known of an image; of layers that are not here nothing. */
export function readyImage(
  store: ImageStore,
  image: StoredImage,
  { isPartial = false } = {},
): ReadyImage {
  const { id, platform, blobs, chains } = image;
  const lower = lowerHere(store, image);
  return {
    id,
    platform,
    blobs,
    chains,
    config: configHere(store, image).config,
    lower,
    files: isPartial ? {} : filesInLayers(
      lower.map((chain) => layerFiles(store.path, chain)),
      EXAMINED,
    ),
  };
}

/** Writes it down for the next run, and returns it. */
export function makeReady(store: ImageStore, image: StoredImage): ReadyImage {
  const ready = readyImage(store, image);
  keepReady(store.path, image.digest, ready);
  return ready;
}

/**
 * The image that a word names, ready to run. Runs on the host, in the command's
 * or the program's process. An image that has run before is found by three
 * small files; only for another one the rest of the store is loaded.
 */

import {
  fitOf,
  hostPlatform,
  parsePlatform,
} from "../../images/spec/platform.ts";
import type { Platform } from "../../images/spec/types.ts";
import { quickMeaning } from "../../images/registry/quick_meaning.ts";
import { entryNamed } from "../../images/store/entry_named.ts";
import {
  EXAMINED,
  readReady,
  type ReadyImage,
} from "../../images/store/ready.ts";
import { refuseForeign } from "../decide/images/foreign.ts";
import type { World } from "../world/world.ts";
import {
  bare,
  type ImageWish,
  type Runnable,
  runnable,
} from "./image_to_run.ts";

/**
 * The image that a word names, ready to run, and its configuration.
 *
 * @param store the directory of the store
 * @throws {ContainerError} if it is not here and is not or cannot be fetched, or
 * if it cannot run on this machine
 */
export async function runnableImage(
  store: string,
  wish: ImageWish,
  world: World,
): Promise<Runnable> {
  const { word, when, platform, explain = false, isPlace = false } = wish;
  const wanted = platform === undefined
    ? hostPlatform()
    : parsePlatform(platform);
  const takesHere = explain || when === "missing" || when === "never";
  const ready = takesHere && !isPlace ? readyOrNull(store, word, wanted) : null;
  if (!ready) {
    const { findOrFetch } = await import("./found_image.ts");
    return await findOrFetch(store, wish, wanted, world);
  }
  if (!wish.mounted) refuseForeign(word, ready.platform, world);
  return ready;
}

/** An image that has run before, if nothing else is to be done for it. */
function readyOrNull(
  store: string,
  word: string,
  wanted: Platform,
): Runnable & Pick<ReadyImage, "platform"> | null {
  const reference = quickMeaning(bare(word));
  const entry = reference && entryNamed(store, reference);
  const ready = entry && readReady(store, entry.digest);
  return ready && fitOf(ready.platform, wanted) !== null &&
      EXAMINED.every((path) => path in ready.files)
    ? { ...runnable(store, entry, ready), platform: ready.platform }
    : null;
}

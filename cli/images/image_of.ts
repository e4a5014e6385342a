/**
 * Gets the image that `run` names, from the store or from its registry. Runs on
 * the host, in the command's process. An image that is here does not load what
 * fetches one.
 */

import type { ImageRoot } from "../../containers/decide/images/image_root.ts";
import { configHere, isUnpacked, layersHere } from "../../images/image_here.ts";
import type { ContainerConfig } from "../../images/spec/image_config.ts";
import {
  fitOf,
  hostPlatform,
  parsePlatform,
} from "../../images/spec/platform.ts";
import { asReference, familiarName } from "../../images/spec/reference.ts";
import type { ImageStore, StoredImage } from "../../images/store/store.ts";
import { missing } from "../../images/store/store.ts";
import { ContainerError } from "../../spec/errors.ts";
import type { Flags } from "../flags.ts";
import { findImage, openStore } from "./open_store.ts";
import type { When } from "./source.ts";

/** How an image is wanted. */
interface Wanted {
  when: When;
  /** It is in a place that a transport names, which is read each time. */
  isPlace?: boolean;
  /** Only look: nothing is fetched, unpacked or changed. */
  explain: boolean;
  flags: Flags;
}

/** Whether an image of this name or ID is in the store. */
export function isHere(word: string): boolean {
  try {
    return findOrNull(openStore(), word) !== null;
  } catch (error) {
    // Without a store that this user can read there is no image.
    if (error instanceof ContainerError) return false;
    throw error;
  }
}

function findOrNull(store: ImageStore, word: string): StoredImage | null {
  try {
    return findImage(store, word.replace(/^docker:\/\//, ""));
  } catch (error) {
    if (error instanceof ContainerError) return null;
    throw error;
  }
}

/**
 * The image that a word names, ready to run, and its configuration.
 *
 * @throws {ContainerError} if it is not here and is not or cannot be fetched
 */
export async function imageOf(
  word: string,
  { when, explain, flags, isPlace = false }: Wanted,
): Promise<{ image: ImageRoot; config: ContainerConfig }> {
  const store = openStore();
  const platform = flags.last("platform");
  const wanted = platform === undefined
    ? hostPlatform()
    : parsePlatform(platform);
  if (isPlace && explain) {
    throw new ContainerError(
      `Cannot explain the image ${word}: it is not in the store yet`,
      { hint: `container pull ${word} prints the name to explain.` },
    );
  }
  const found = isPlace ? null : findOrNull(store, word);
  const fits = found && fitOf(found.platform, wanted) !== null ? found : null;
  const here = fits ?? (platform === undefined ? found : null);
  const isHere = explain || when === "never" || when === "missing" && here;
  const image = isHere && !isPlace
    ? here
    : await (await import("./fetch_image.ts"))
      .fetched(word, store, here, when, flags);
  if (!image) throw missing(word);
  if (!image.chains.length) {
    throw new ContainerError(`Cannot run the image ${word}: it has no layers`, {
      hint: "Use --rootfs empty for an empty root filesystem.",
    });
  }
  if (!isUnpacked(store, image)) {
    if (explain) {
      throw new ContainerError(
        `Cannot explain the image ${word}: its layers are not unpacked yet`,
        { hint: `Run it once, or pull it: container pull ${word}.` },
      );
    }
    await (await import("./fetch_image.ts")).unpack(store, image);
  }
  const { config } = configHere(store, image);
  const reference = asReference(image.name ?? "");
  return {
    config,
    image: {
      name: reference ? familiarName(reference) : image.id,
      store: store.path,
      layers: layersHere(store, image),
      blobs: [image.digest, image.id, ...image.blobs],
      chains: image.chains,
    },
  };
}

/**
 * Adds the images that a place offers: all of them, or none. Runs in the
 * command's process.
 */

import {
  addFound,
  type AddOptions,
  blobsOf,
  findImage,
  type FoundImage,
} from "./add_image.ts";
import { BROKEN } from "./places/file_set.ts";
import type { OfferedImage } from "./places/offered_image.ts";
import { chainIds } from "./spec/digest.ts";
import { chooseManifest, hostPlatform } from "./spec/platform.ts";
import { asReference, familiarName } from "./spec/reference.ts";
import type { Descriptor } from "./spec/types.ts";
import { collect } from "./store/collect.ts";
import type { NewImage, Pins, Work } from "./store/work.ts";

/** An image that has been added. */
export interface AddedImage {
  /** Its full names. */
  names: readonly string[];
  /** Its ID. */
  id: string;
  /** The digest of its manifest. */
  digest: string;
}

/**
 * Adds images to a store, with their names, and commits the work.
 *
 * @throws {ContainerError} with what is wrong; the store is as it was before
 */
export async function addOffered(
  work: Work,
  images: readonly OfferedImage[],
  given: AddOptions,
): Promise<AddedImage[]> {
  const options = { damagedHint: BROKEN, ...given };
  const added: AddedImage[] = [];
  const entries: NewImage[] = [];
  const pins: Pins = { blobs: [], chains: [] };
  try {
    for (const image of images) {
      // Layers that an earlier image has as well are in the store then.
      if (added.length) work.commit();
      const found = await findOffered(image, options);
      const { descriptor, manifest, config } = found;
      pins.blobs.push(...blobsOf(descriptor, manifest));
      pins.chains.push(...chainIds(config.parsed.diffIds));
      await addFound(work, found, options);
      const { names } = image;
      added.push({
        names,
        id: manifest.config.digest,
        digest: descriptor.digest,
      });
      entries.push(
        ...names.map((name) => ({ descriptor, name })),
        ...names.length ? [] : [{ descriptor }],
      );
    }
    work.commit(...entries);
  } catch (error) {
    if (added.length) {
      work.unpin();
      collect(work.store, { only: pins });
    }
    throw error;
  }
  return added;
}

/**
 * The manifest and the configuration of an image, for the platform.
 *
 * @throws {ContainerError}
 */
export async function findOffered(
  image: OfferedImage,
  options: AddOptions,
): Promise<FoundImage> {
  const { source } = image;
  const name = labelOf(image);
  const { digest } = chosen(name, image, options);
  const sent = await source.manifest(digest);
  return await findImage(name, source, sent, {
    damagedHint: BROKEN,
    ...options,
  });
}

/** The image in messages. */
function labelOf({ names: [name], source }: OfferedImage): string {
  const reference = asReference(name ?? "");
  return reference
    ? `${familiarName(reference)} of ${source.name}`
    : source.name;
}

/** The manifest or index of an image, of which there may be several. */
function chosen(
  name: string,
  { manifests }: OfferedImage,
  { platform = hostPlatform() }: AddOptions,
): Descriptor {
  const [first, ...more] = manifests;
  const isOne = more.every(({ digest }) => digest === first!.digest);
  return isOne ? first! : chooseManifest(name, manifests, platform);
}

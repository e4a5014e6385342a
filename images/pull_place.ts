/**
 * Takes the image of a place of this machine into the store: of an archive, a
 * directory, or the docker daemon. Runs in the command's process.
 */

import type { AddOptions } from "./add_image.ts";
import { addOffered, findOffered } from "./add_offered.ts";
import { isUnpacked } from "./image_here.ts";
import type { OfferedImage } from "./places/offered_image.ts";
import { imageAt, isDirectory } from "./places/open_place.ts";
import type { Pulled } from "./pull.ts";
import { checkPlace, readPolicy } from "./registry/policy.ts";
import type { LocalPlace } from "./spec/transport.ts";
import { hasBlob } from "./store/blobs.ts";
import type { ImageStore, StoredImage } from "./store/store.ts";

/** What taking an image needs. */
export interface PlaceOptions extends AddOptions {
  store: ImageStore;
}

/** A path without symbolic links, as policies have it. */
export function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    // Opening it says what is wrong.
    return path;
  }
}

/**
 * Takes an image into the store, or makes sure that it is there.
 *
 * @throws {ContainerError} with what is wrong; the store is as it was before
 */
export async function pullPlace(
  place: LocalPlace,
  options: PlaceOptions,
): Promise<Pulled> {
  const { store, maxUnpacked, signal } = options;
  const { transport, path, image } = place;
  checkPlace(readPolicy(), {
    name: `${transport}:${path}`,
    transport,
    path: transport === "docker-daemon" ? path : realPath(path),
    ...image === undefined ? {} : { image },
  });
  // A wrong path does not make a store.
  if (transport !== "docker-daemon") isDirectory(`${transport}:${path}`, path);
  using work = store.begin();
  const offered = await imageAt(place, {
    file: `${work.path}/archive`,
    most: maxUnpacked,
    ...signal ? { signal } : {},
  });
  const found = await findOffered(offered, options);
  const { digest } = found.descriptor;
  const here = imageOf(store, offered, digest);
  if (here && isWhole(store, here)) {
    return { image: here, digest, isOld: true };
  }
  await addOffered(work, [offered], options);
  return { image: imageOf(store, offered, digest)!, digest, isOld: false };
}

/** The image of the store with this content, under the offered names. */
function imageOf(
  store: ImageStore,
  { names }: OfferedImage,
  digest: string,
): StoredImage | null {
  const same = store.images().filter((image) => image.digest === digest);
  const has = (name: string) => same.some((image) => image.name === name);
  if (!names.every(has)) return null;
  return same.find(({ name }) => name === names[0]) ?? same[0] ?? null;
}

const isWhole = (store: ImageStore, image: StoredImage): boolean =>
  isUnpacked(store, image) &&
  [image.digest, image.id, ...image.blobs].every((blob) =>
    hasBlob(store.path, blob)
  );

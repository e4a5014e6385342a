/**
 * The image of a container that a program runs. Runs on the host, in that
 * program's process.
 */

import { unpackHere } from "../../images/image_here.ts";
import { MOST_UNPACKED, pullInto } from "../../images/library.ts";
import { RegistryError } from "../../images/registry/errors.ts";
import { isLocal } from "../../images/spec/transport.ts";
import { checkStore } from "../../images/store/check_store.ts";
import { storeOf } from "../../images/store/places.ts";
import { UNPACKER } from "../../images/unpacker.ts";
import { isImageMount } from "../../plan/mounts/image_mounts.ts";
import { parseSize } from "../../spec/resource_flags.ts";
import { commandOf, withImageConfig } from "../decide/images/image_config.ts";
import type { ImageRoot } from "../decide/images/image_root.ts";
import type { ContainerOptions } from "../decide/options.ts";
import type { Requester } from "../decide/requester.ts";
import type { World } from "../world/world.ts";
import { placedIn, withImageVolumes } from "../decide/volumes/place_volumes.ts";
import { type LibraryOptions, withCommand } from "./library_options.ts";
import type { ImageWish } from "./image_to_run.ts";
import { runnableImage } from "./runnable_image.ts";

/** How images of a program are looked up and fetched. */
const wishOf = (
  word: string,
  given: LibraryOptions,
  { explain, mounted }: { explain: boolean; mounted?: true },
): ImageWish => ({
  word,
  when: given.pull ?? "missing",
  isPlace: isLocal(word),
  platform: given.platform,
  explain,
  ...(mounted ? { mounted } : {}),
  async fetch(store, here) {
    try {
      return Deno.uid() === 0
        ? await pullInto(store, word, given)
        : await (await import("./user_fetch.ts")).fetchAsUser(word, given);
    } catch (error) {
      const serves = given.pull === "newer" && error instanceof RegistryError;
      if (here && serves) return here;
      throw error;
    }
  },
  async unpack(store, stored) {
    if (Deno.uid() !== 0) {
      const { fetchAsUser } = await import("./user_fetch.ts");
      await fetchAsUser(word, { ...given, unpack: stored });
      return;
    }
    await unpackHere(store, stored, {
      unpacker: UNPACKER,
      maxUnpacked: parseSize("max-unpacked", MOST_UNPACKED),
      signal: given.signal,
    });
  },
});

/** What a program has asked for, as it is decided on. */
export interface Wanted {
  options: ContainerOptions;
  rootfs: string;
  image?: ImageRoot;
}

/**
 * What a program has asked for, if it needs the store: with what its image says,
 * the images that are mounted, and its volumes.
 *
 * @param how.rootfs finds the root filesystem of a container without an image
 * @param how.explain only look: nothing is fetched, unpacked or changed
 * @throws {ContainerError} for an image that cannot be had or cannot run here
 */
export async function wantedOf(
  given: LibraryOptions,
  { world }: Requester,
  { rootfs, explain = false }: {
    rootfs(): Promise<string>;
    explain?: boolean;
  },
): Promise<Wanted> {
  const path = storeOf(given.store);
  checkStore(path);
  const { Volumes: paths = [], ...wanted } = given.image === undefined
    ? { options: withCommand(given), rootfs: await rootfs() }
    : await withImage(path, given, { world, explain });
  const mounts = withImageVolumes(given.mounts ?? [], paths);
  if (!mounts.length) return wanted;
  const images: Record<string, ImageRoot> = {};
  for (const { source = "" } of mounts.filter(isImageMount)) {
    if (Object.hasOwn(images, source)) continue;
    const wish = wishOf(source, given, { explain, mounted: true });
    images[source] = (await runnableImage(path, wish, world)).image;
  }
  return {
    ...wanted,
    options: {
      ...wanted.options,
      mounts: placedIn(path, mounts),
      ...Object.keys(images).length ? { images } : {},
    },
  };
}

async function withImage(
  path: string,
  given: LibraryOptions,
  { world, explain }: { world: World; explain: boolean },
): Promise<Wanted & { Volumes?: readonly string[] }> {
  const { image: word = "" } = given;
  const wish = wishOf(word, given, { explain });
  const { image, config } = await runnableImage(path, wish, world);
  const { entrypoint, command: words = [], workdir } = given;
  const command = commandOf(word, config, { entrypoint, words });
  return {
    options: withImageConfig(
      { ...given, command, init: false, tty: false },
      config,
      { workdir: workdir !== undefined },
    ),
    rootfs: image.store,
    image,
    Volumes: config.Volumes,
  };
}

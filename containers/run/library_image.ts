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
import { parseSize } from "../../spec/resource_flags.ts";
import { commandOf, withImageConfig } from "../decide/images/image_config.ts";
import type { ImageRoot } from "../decide/images/image_root.ts";
import type { ContainerOptions } from "../decide/options.ts";
import type { Requester } from "../decide/requester.ts";
import type { LibraryOptions } from "./library_options.ts";
import { runnableImage } from "./runnable_image.ts";

/**
 * The options of a container of an image, with what the image says.
 *
 * @param how.explain only look: nothing is fetched, unpacked or changed
 * @throws {ContainerError} for an image that cannot be had or cannot run here
 */
export async function withImage(
  given: LibraryOptions,
  { world }: Requester,
  { explain = false } = {},
): Promise<{ options: ContainerOptions; rootfs: string; image: ImageRoot }> {
  const { image: word = "", pull: when = "missing", signal } = given;
  const path = storeOf(given.store);
  checkStore(path);
  const { image, config } = await runnableImage(path, {
    word,
    when,
    isPlace: isLocal(word),
    platform: given.platform,
    explain,
    async fetch(store, here) {
      try {
        return await pullInto(store, word, given);
      } catch (error) {
        const serves = when === "newer" && error instanceof RegistryError;
        if (here && serves) return here;
        throw error;
      }
    },
    unpack: (store, stored) =>
      unpackHere(store, stored, {
        unpacker: UNPACKER,
        maxUnpacked: parseSize("max-unpacked", MOST_UNPACKED),
        signal,
      }),
  }, world);
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
  };
}

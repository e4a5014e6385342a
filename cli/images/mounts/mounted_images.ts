/**
 * Looks up, or fetches, the images that `--mount type=image` names. Runs on the
 * host, in the command's process. Loaded only if there are some.
 */

import type { ImageRoot } from "../../../containers/decide/images/image_root.ts";
import { meaningOfImage } from "../../../containers/decide/images/image_word.ts";
import type { When } from "../../../containers/decide/images/when.ts";
import type { ContainerOptions } from "../../../containers/decide/options.ts";
import { isImageMount } from "../../../plan/mounts/image_mounts.ts";
import type { Flags } from "../../flags.ts";
import { imageOf } from "../image_of.ts";

/**
 * The options with these images.
 *
 * @throws {ContainerError} for one that is not here and is not or cannot be
 * fetched
 */
export async function withMountedImages(
  options: ContainerOptions,
  { flags, explain, when }: { flags: Flags; explain: boolean; when: When },
): Promise<ContainerOptions> {
  const images: Record<string, ImageRoot> = {};
  for (const { source = "" } of (options.mounts ?? []).filter(isImageMount)) {
    if (Object.hasOwn(images, source)) continue;
    const { image } = await imageOf(source, {
      when,
      isPlace: meaningOfImage(source).kind === "place",
      mounted: true,
      explain,
      flags,
    });
    images[source] = image;
  }
  return { ...options, images };
}

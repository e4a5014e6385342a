/** What a container needs of an image, and how the image is wanted. */

import type { ContainerConfig } from "../../images/spec/image_config.ts";
import { asReference, familiarName } from "../../images/spec/reference.ts";
import { idsOf } from "../../images/store/ids.ts";
import type { IndexEntry } from "../../images/store/layout.ts";
import { layerFiles } from "../../images/store/places.ts";
import type { ReadyImage } from "../../images/store/ready.ts";
import type { ImageStore, StoredImage } from "../../images/store/store.ts";
import type { ImageRoot } from "../decide/images/image_root.ts";
import type { When } from "../decide/images/when.ts";

/** The image that is wanted. */
export interface ImageWish {
  word: string;
  when: When;
  /** It is in a place that a transport names, which is read each time. */
  isPlace?: boolean;
  /** It is mounted, and need not run on this machine. */
  mounted?: boolean;
  /** The platform that the user names. */
  platform?: string;
  /** Only look: nothing is fetched, unpacked or changed. */
  explain?: boolean;
  /** Fetches it; with `newer` the image that is here serves as well. */
  fetch(store: ImageStore, here: StoredImage | null): Promise<StoredImage>;
  /** Unpacks the layers of an image that is here. */
  unpack(store: ImageStore, image: StoredImage): Promise<void>;
}

/** An image that can be run, and its configuration. */
export interface Runnable {
  image: ImageRoot;
  config: ContainerConfig;
}

/** The word without the transport of registries. */
export const bare = (word: string): string => word.replace(/^docker:\/\//, "");

/** What a container needs of an image of the store. */
export function runnable(
  path: string,
  { digest, name }: IndexEntry,
  { id, blobs, chains, config, lower, files }: ReadyImage,
): Runnable {
  const reference = asReference(name ?? "");
  const { ExposedPorts, Healthcheck } = config;
  const ids = Deno.uid() === 0 ? null : idsOf(path);
  return {
    config,
    image: {
      name: reference ? familiarName(reference) : id,
      store: path,
      layers: lower.map((chain) => layerFiles(path, chain)),
      blobs: [digest, id, ...blobs],
      chains,
      files,
      ...ids ? { ids } : {},
      ...ExposedPorts || Healthcheck
        ? { shown: { ExposedPorts, Healthcheck } }
        : {},
    },
  };
}

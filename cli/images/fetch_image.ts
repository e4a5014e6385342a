/**
 * Fetches the image that `run` names, or unpacks one that is here. Runs on the
 * host, in the command's process.
 */

import { unpackHere } from "../../images/image_here.ts";
import { placeOf } from "../../images/place_of.ts";
import { pull } from "../../images/pull.ts";
import { RegistryError } from "../../images/registry/errors.ts";
import { parsePlatform } from "../../images/spec/platform.ts";
import type { ImageStore, StoredImage } from "../../images/store/store.ts";
import { UNPACKER } from "../../images/unpacker.ts";
import type { When } from "../../containers/decide/images/when.ts";
import { ContainerError } from "../../spec/errors.ts";
import { parseSize } from "../../spec/resource_flags.ts";
import type { Flags } from "../flags.ts";
import { warn } from "../output.ts";
import { MOST_UNPACKED } from "./source.ts";
import { PULLING, WatchedSession } from "./watched_session.ts";

/** Unpacks the layers of an image that is here. */
export const unpack = (store: ImageStore, image: StoredImage): Promise<void> =>
  unpackHere(store, image, {
    unpacker: UNPACKER,
    maxUnpacked: parseSize("max-unpacked", MOST_UNPACKED),
  });

/** Fetches an image; with `newer` the one that is here serves as well. */
export async function fetched(
  word: string,
  store: ImageStore,
  here: StoredImage | null,
  when: When,
  flags: Flags,
): Promise<StoredImage> {
  const platform = flags.last("platform");
  using watched = new WatchedSession(PULLING, flags);
  const { session, signal, view } = watched;
  try {
    const place = placeOf(session.conf, word);
    const options = {
      store,
      session,
      unpacker: UNPACKER,
      maxUnpacked: parseSize("max-unpacked", MOST_UNPACKED),
      signal,
      onProgress: view.take,
      ...platform === undefined ? {} : { platform: parsePlatform(platform) },
    };
    const { image } = place.transport === "docker"
      ? await pull(place.reference, options)
      : await (await import("../../images/pull_place.ts"))
        .pullPlace(place, options);
    return image;
  } catch (error) {
    const { status } = watched;
    if (status !== null) {
      throw new ContainerError(`Cannot fetch ${word}: interrupted`, { status });
    }
    if (when !== "newer" || !here || !(error instanceof RegistryError)) {
      throw error;
    }
    view.end();
    warn(`${error.message}: the image that is here is used`);
    return here;
  }
}

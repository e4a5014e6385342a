/**
 * Has the image of a user's `run` fetched and unpacked in the user's namespace.
 * Runs on the host, in the command's process.
 */

import { foreignStore } from "../../containers/decide/images/store_ids.ts";
import { statOrNull } from "../../images/store/places.ts";
import {
  type ImageStore,
  missing,
  type StoredImage,
} from "../../images/store/store.ts";
import type { Flags } from "../flags.ts";
import { Reported } from "../output.ts";
import { inUserNamespace } from "./user_namespace.ts";

/** The flags of `run` that say how an image is fetched. */
export const PASSED: readonly string[] = ["pull", "platform"];

/**
 * Carries out `container fetch` in the user's namespace.
 *
 * @returns the image
 * @throws {ContainerError} if the store is not the user's, {Reported} if the
 * command has failed
 */
export async function fetchInside(
  store: ImageStore,
  word: string,
  flags: Flags,
  isPlace: boolean,
): Promise<StoredImage> {
  const owner = statOrNull(store.path)?.uid ?? null;
  if (owner !== null && owner !== Deno.uid()) {
    throw foreignStore(word, store.path);
  }
  const found = await Deno.makeTempFile({ prefix: "container-" });
  try {
    const status = await inUserNamespace([
      "fetch",
      ...PASSED.flatMap((name) => {
        const value = flags.last(name);
        return value === undefined ? [] : [`--${name}=${value}`];
      }),
      ...(flags.has("quiet") ? ["--quiet"] : []),
      ...(isPlace ? ["--place"] : []),
      ...[`--found=${found}`, "--", word],
    ]);
    if (status) throw new Reported(status);
    const digest = await Deno.readTextFile(found);
    const image = store.images().find((image) => image.digest === digest);
    if (!image) throw missing(word);
    return image;
  } finally {
    await Deno.remove(found);
  }
}

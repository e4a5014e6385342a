/**
 * Gets the image that `run` names, from the store or from its registry. Runs on
 * the host, in the command's process. An image that has run before loads
 * neither what finds another one nor what fetches it.
 */

import type { When } from "../../containers/decide/images/when.ts";
import type { ImageWish, Runnable } from "../../containers/run/image_to_run.ts";
import { runnableImage } from "../../containers/run/runnable_image.ts";
import { THIS_MACHINE } from "../../containers/world/real_world.ts";
import type { ImageStore } from "../../images/store/store.ts";
import { ContainerError } from "../../spec/errors.ts";
import type { Flags } from "../flags.ts";
import { checkedStorePath } from "./store_path.ts";

/** How an image is wanted. */
interface Wanted {
  when: When;
  /** It is in a place that a transport names, which is read each time. */
  isPlace?: boolean;
  /** It is mounted, and need not run on this machine. */
  mounted?: boolean;
  /** Only look: nothing is fetched, unpacked or changed. */
  explain: boolean;
  flags: Flags;
}

/** Whether an image of this name or ID is in the store. */
export async function isHere(word: string): Promise<boolean> {
  try {
    const path = checkedStorePath();
    const { findHere } = await import("../../containers/run/found_image.ts");
    return findHere(path, word) !== null;
  } catch (error) {
    // Without a store that this user can read there is no image.
    if (error instanceof ContainerError) return false;
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
  { when, explain, flags, isPlace, mounted }: Wanted,
): Promise<Runnable> {
  return await runnableImage(checkedStorePath(), {
    word,
    when,
    isPlace,
    mounted,
    platform: flags.last("platform"),
    explain,
    ...fetcherOf(word, { when, flags, isPlace }),
  }, THIS_MACHINE);
}

/** What fetches and unpacks an image, for a user in the user's namespace. */
function fetcherOf(
  word: string,
  { when, flags, isPlace = false }: Omit<Wanted, "explain">,
): Pick<ImageWish, "fetch" | "unpack"> {
  if (Deno.uid() === 0) {
    const fetching = () => import("./fetch_image.ts");
    return {
      fetch: async (store, here) =>
        await (await fetching()).fetched(word, store, here, when, flags),
      unpack: async (store, image) =>
        await (await fetching()).unpack(store, image),
    };
  }
  const inside = async (store: ImageStore) =>
    await (await import("./fetch_inside.ts")).fetchInside(
      store,
      word,
      flags,
      isPlace,
    );
  return {
    fetch: inside,
    unpack: async (store) => {
      await inside(store);
    },
  };
}

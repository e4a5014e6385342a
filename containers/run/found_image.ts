/**
 * Finds an image in a store, or has it fetched, and makes it ready to run. Runs
 * on the host, in the command's or the program's process. An image that is here
 * does not load what fetches one.
 */

import type { ContainerConfig } from "../../images/spec/image_config.ts";
import { missingLayers } from "../../images/image_here.ts";
import { makeReady, readyImage } from "../../images/make_ready.ts";
import { meanings } from "../../images/registry/meanings.ts";
import { fitOf } from "../../images/spec/platform.ts";
import type { Platform } from "../../images/spec/types.ts";
import { readReady } from "../../images/store/ready.ts";
import {
  ImageStore,
  missing,
  type StoredImage,
} from "../../images/store/store.ts";
import { ContainerError } from "../../spec/errors.ts";
import { refuseForeign } from "../decide/images/foreign.ts";
import type { World } from "../world/world.ts";
import {
  bare,
  type ImageWish,
  type Runnable,
  runnable,
} from "./image_to_run.ts";

/** The image that a word names by its name or ID; null if it is not here. */
export function findHere(path: string, word: string): StoredImage | null {
  try {
    return ImageStore.open(path).find(bare(word), meanings);
  } catch (error) {
    if (error instanceof ContainerError) return null;
    throw error;
  }
}

/**
 * The image that a word names, from the store or its registry, ready to run.
 *
 * @param path the directory of the store
 * @param wanted the platform
 * @throws {ContainerError} if it is not here and is not or cannot be fetched, or
 * if it cannot run on this machine
 */
export async function findOrFetch(
  path: string,
  wish: ImageWish,
  wanted: Platform,
  world: World,
): Promise<Runnable> {
  const { word, when, platform, explain = false, isPlace = false } = wish;
  if (isPlace && explain) {
    throw new ContainerError(
      `Cannot explain the image ${word}: it is not in the store yet`,
      { hint: `container pull ${word} prints the name to explain.` },
    );
  }
  const store = ImageStore.open(path);
  const found = isPlace ? null : findHere(path, word);
  const fits = found && fitOf(found.platform, wanted) !== null ? found : null;
  const here = fits ?? (platform === undefined ? found : null);
  if (!here && explain) return notHere(path, word);
  const isHere = explain || when === "never" || when === "missing" && here;
  const image = isHere && !isPlace ? here : await wish.fetch(store, here);
  if (!image) throw missing(word);
  if (!wish.mounted) refuseForeign(word, image.platform, world);
  if (!image.chains.length) {
    throw new ContainerError(
      `Cannot ${
        wish.mounted ? "mount" : "run"
      } the image ${word}: it has no layers`,
      {
        hint: wish.mounted
          ? "Use --tmpfs for an empty directory."
          : "Use --rootfs empty for an empty root filesystem.",
      },
    );
  }
  const absent = missingLayers(store, image);
  if (absent.length && !explain) await wish.unpack(store, image);
  const { chains, digest, entry } = image;
  const isPartial = explain && absent.length > 0;
  const known = isPartial ? null : readReady(path, digest);
  const ready = known ??
    (explain
      ? readyImage(store, image, { isPartial })
      : makeReady(store, image));
  if (isPartial && !wish.mounted) refuseAccounts(word, ready.config);
  const { image: root, config } = runnable(path, entry, ready);
  const missingWords = chains.length === 1
    ? "its layer"
    : `${absent.length} of its ${chains.length} layers`;
  return {
    config,
    image: { ...root, ...isPartial ? { missing: missingWords } : {} },
  };
}

/** @throws {ContainerError} if a missing layer has the accounts of its user */
function refuseAccounts(word: string, { User = "" }: ContainerConfig): void {
  if (/^[0-9:]*$/.test(User)) return;
  throw new ContainerError(
    `Cannot explain the image ${word}: the layers that name its user ${User} are not here`,
    { hint: `Fetch them: container pull ${word}.` },
  );
}

/** An image of which only the name is known, to explain what it would become. */
const notHere = (path: string, word: string): Runnable => ({
  config: {},
  image: {
    name: bare(word),
    store: path,
    layers: [`${path}/layers/CHAIN/diff`],
    blobs: [],
    chains: [],
    files: {},
    missing: "the image itself",
  },
});

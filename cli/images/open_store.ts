/** The store of images that a command line means, and the words for images. */

import {
  ImageStore,
  missing,
  type StoredImage,
} from "../../images/store/store.ts";
import { meanings } from "../../images/registry/meanings.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Flags } from "../flags.ts";
import { storePath } from "./store_path.ts";

/** Opens the store of `--store`, or else the default one. */
export function openStore(): ImageStore {
  return ImageStore.open(storePath());
}

/**
 * The words of a command line that name images; there must be at least one.
 *
 * @throws {UsageError}
 */
export function imagesOf({ rest }: Flags, command: string): readonly string[] {
  if (rest.length) return rest;
  throw new UsageError(
    `container ${command} needs an image`,
    "Give its name or its ID; `container images` lists them.",
  );
}

/**
 * The only word of a command line.
 *
 * @throws {UsageError}
 */
export function oneImage(flags: Flags, command: string): string {
  const [word, ...more] = imagesOf(flags, command);
  if (!more.length) return word!;
  throw new UsageError(
    `container ${command} takes one image`,
    `See container ${command} --help.`,
  );
}

/** The image that a word of a user names: by alias, name or ID. */
export function findImage(store: ImageStore, word: string): StoredImage {
  if (word === "") throw missing('""');
  return store.find(word, meanings);
}

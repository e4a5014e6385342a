/** The store of images that a command line means, and the words for images. */

import { defaultStore } from "../../images/store/places.ts";
import {
  ImageStore,
  missing,
  type StoredImage,
} from "../../images/store/store.ts";
import { RegistriesConf } from "../../images/registry/registries_conf.ts";
import {
  asReference,
  parseReference,
  type Reference,
} from "../../images/spec/reference.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Flags } from "../flags.ts";
import { globals } from "../oci/global.ts";

/** Opens the store of `--store`, or else the default one. */
export function openStore(): ImageStore {
  const { images: named = defaultStore() } = globals();
  return ImageStore.open(
    named.startsWith("/") ? named : `${Deno.cwd()}/${named}`,
  );
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
  return store.find(word, (text) => meanings(text));
}

/** What a name can mean: an alias first, as for pull. */
function meanings(word: string): Reference[] {
  const plain = asReference(word);
  if (!plain) return [];
  return [RegistriesConf.read().resolve(word), parseReference(word)];
}

/** What a word of a user can name. Reads registries.conf. */

import {
  asReference,
  namesRegistry,
  type Reference,
} from "../spec/reference.ts";
import { RegistriesConf } from "./registries_conf.ts";

/** What a name of an image can mean: an alias first, as for pull. */
export function meanings(word: string): Reference[] {
  const plain = asReference(word);
  if (!plain) return [];
  // No alias is for a name with a registry.
  if (namesRegistry(word)) return [plain];
  return [RegistriesConf.read().resolve(word), plain];
}

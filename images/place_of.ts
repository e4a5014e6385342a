/** What a word for an image means, by the settings of registries. */

import type { RegistriesConf } from "./registry/registries_conf.ts";
import { parsePlace, type Place } from "./spec/transport.ts";

/**
 * The image that a word names in a registry, or its place on this machine.
 *
 * @throws {UsageError}
 */
export function placeOf(conf: RegistriesConf, word: string): Place {
  const place = parsePlace(word);
  // Settings can give a short name another meaning, but not a whole address.
  return place.transport === "docker" && !word.startsWith("docker://")
    ? { transport: "docker", reference: conf.resolve(word) }
    : place;
}

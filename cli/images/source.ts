/** What the commands that fetch images have in common. */

import type { Session } from "../../images/registry/session.ts";
import { parsePlace, type Place } from "../../images/spec/transport.ts";

/** The most bytes of a layer, unpacked: enough for the largest that exist. */
export const MOST_UNPACKED = "64g";

/**
 * The image that a word names in a registry, or its place on this machine.
 *
 * @throws {UsageError}
 */
export function sourceOf({ conf }: Session, word: string): Place {
  const place = parsePlace(word);
  // Settings can give a short name another meaning, but not a whole address.
  return place.transport === "docker" && !word.startsWith("docker://")
    ? { transport: "docker", reference: conf.resolve(word) }
    : place;
}

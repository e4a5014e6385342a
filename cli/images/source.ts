/** What the commands that fetch images have in common. */

import type { Session } from "../../images/registry/session.ts";
import type { Reference } from "../../images/spec/reference.ts";
import { parsePlace } from "../../images/spec/transport.ts";
import { UsageError } from "../../spec/errors.ts";

/** The most bytes of a layer, unpacked: enough for the largest that exist. */
export const MOST_UNPACKED = "64g";

/** The values of `run --pull`. */
export const WHEN = ["missing", "always", "newer", "never"] as const;

/** When an image is fetched. */
export type When = typeof WHEN[number];

/**
 * The image that a word names in a registry.
 *
 * @throws {UsageError}
 */
export function sourceOf({ conf }: Session, word: string): Reference {
  const place = parsePlace(word);
  if (place.transport !== "docker") {
    throw new UsageError(
      `Cannot pull ${word}: ${place.transport} is not a registry`,
      "Copy it to a registry with skopeo copy.",
    );
  }
  return word.startsWith("docker://") ? place.reference : conf.resolve(word);
}

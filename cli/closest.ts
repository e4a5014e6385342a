/** "Did you mean …?" */

// @ts-types="../types/std_text.d.ts"
import { levenshteinDistance } from "@std/text/levenshtein-distance";

/** The most similar of the words, null when none comes near. */
export function closestString(
  given: string,
  possible: readonly string[],
): string | null {
  const [best] = possible
    .map((word) => ({ word, distance: levenshteinDistance(given, word) }))
    .toSorted((a, b) => a.distance - b.distance);
  if (!best) return null;
  const near = Math.max(2, Math.ceil(given.length / 2));
  // At a distance of their whole length two words have nothing in common.
  const whole = Math.max(given.length, best.word.length);
  return best.distance <= near && best.distance < whole ? best.word : null;
}

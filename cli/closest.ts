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
  const near = Math.max(2, Math.ceil(given.length / 2));
  return best && best.distance <= near ? best.word : null;
}

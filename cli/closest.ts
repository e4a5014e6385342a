/** Finds the word for "Did you mean …?". Pure. */

// @ts-types="../types/std_text.d.ts"
import { levenshteinDistance } from "@std/text/levenshtein-distance";

/** The most similar word; null if none is similar enough. */
export function closestString(
  given: string,
  possible: readonly string[],
): string | null {
  const [best] = possible
    .map((word) => ({ word, distance: levenshteinDistance(given, word) }))
    .toSorted((a, b) => a.distance - b.distance);
  if (!best) return null;
  const near = Math.max(2, Math.ceil(given.length / 2));
  // A distance of the full length means that the words have nothing in common.
  const whole = Math.max(given.length, best.word.length);
  return best.distance <= near && best.distance < whole ? best.word : null;
}

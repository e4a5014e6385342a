/** Finds the word for "Did you mean …?". Pure. */

// @ts-types="../../types/std_text.d.ts"
import { levenshteinDistance } from "@std/text/levenshtein-distance";

/** The most words to suggest. */
const MOST = 3;

/** The most similar word; null if none is similar enough. */
export const closestString = (
  given: string,
  possible: readonly string[],
): string | null => closestStrings(given, possible)[0] ?? null;

/**
 * The most similar words, the best first. A short word is similar to many
 * others by chance, so it may differ in less.
 */
export function closestStrings(
  given: string,
  possible: readonly string[],
): string[] {
  const near = Math.max(1, Math.floor(given.length / 3));
  const found = possible.map((word) => ({
    word,
    distance: word.startsWith(given) && given.length > 1
      ? 0.5
      : isSwapped(given, word)
      ? 1
      : levenshteinDistance(given, word),
  }))
    // A distance of the full length means that the words have nothing in
    // common.
    .filter(({ word, distance }) =>
      distance <= near && distance < Math.max(given.length, word.length)
    )
    .toSorted((a, b) => a.distance - b.distance);
  const best = found[0]?.distance ?? 0;
  return found.filter(({ distance }) => distance <= best + 1)
    .slice(0, MOST).map(({ word }) => word);
}

/** Whether two neighbouring letters are in the wrong order. */
function isSwapped(given: string, word: string): boolean {
  const at = [...given].findIndex((letter, index) => letter !== word[index]);
  return at >= 0 && word === given.slice(0, at) + (given[at + 1] ?? "") +
        given[at] + given.slice(at + 2);
}

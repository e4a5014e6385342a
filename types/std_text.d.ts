// std on npm has no types. These are the functions that this project uses.
export function levenshteinDistance(a: string, b: string): number;
export function closestString(
  given: string,
  possible: readonly string[],
  options?: { caseSensitive?: boolean },
): string;

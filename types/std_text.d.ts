// The npm edition of std carries no types: these are the functions we call.
export function levenshteinDistance(a: string, b: string): number;
export function closestString(
  given: string,
  possible: readonly string[],
  options?: { caseSensitive?: boolean },
): string;

/** Values that are computed at their first use and then kept. */

/**
 * Returns a function that calls `make` at its first call, and then repeats the
 * result.
 */
export function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => made ??= make();
}

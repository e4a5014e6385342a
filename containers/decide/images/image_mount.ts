/** The options of mounts of type `image`. Pure. */

const SUBPATH = "subpath=";

/** The option for the part of an image that is shown. */
export const subpathOption = (path: string): string => `${SUBPATH}${path}`;

/** The part of an image that options name; undefined for all of it. */
export const subpathOf = (options: readonly string[]): string | undefined =>
  options.find((word) => word.startsWith(SUBPATH))?.slice(SUBPATH.length);

/** The options that a mount itself has. */
export const withoutSubpath = (options: readonly string[]): string[] =>
  options.filter((word) => !word.startsWith(SUBPATH));

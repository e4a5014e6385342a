/** When an image is fetched. Pure. */

/** The values of `--pull`. */
export const WHEN = ["missing", "always", "newer", "never"] as const;

/** When an image is fetched. */
export type When = typeof WHEN[number];

/** The version of the program. */

/** Kept equal to deno.json by a test. */
export const VERSION = "0.1.0";

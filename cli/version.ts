/** The version of the program. */

/** A test keeps it equal to deno.json. */
export const VERSION = "0.1.0";

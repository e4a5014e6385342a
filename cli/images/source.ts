/** What the commands that fetch images have in common. */

/** The most bytes of a layer, unpacked: enough for the largest that exist. */
export const MOST_UNPACKED = "64g";

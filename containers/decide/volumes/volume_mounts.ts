/**
 * Mounts of type `volume`. The source is the volume's directory in the store. An
 * anonymous volume has the directory of all volumes as its source, and gets a
 * name that belongs to the container and the path inside. Pure.
 */

import type { Mount } from "../../../spec/types.ts";

/** The directory of all volumes, in a store. */
export const VOLUMES = "/volumes";

/** Whether a mount is a volume. */
export const isVolume = ({ type }: Mount): boolean => type === "volume";

/** The directory of the store that a volume is in. */
export const storeOfVolume = ({ source = "" }: Mount): string =>
  source.slice(0, source.lastIndexOf(VOLUMES));

/** Whether a volume was made for one container, which had no name for it. */
export const isAnonymous = ({ source = "", options = [] }: Mount): boolean =>
  source.endsWith(VOLUMES) || options.includes("anonymous");

/** The directory of a volume of the container with this ID. */
export const volumeDirectory = (
  { source = "", destination }: Mount,
  id: string,
): string =>
  source.endsWith(VOLUMES)
    ? `${source}/${anonymousName(`${id} ${destination}`)}`
    : source;

/** The name of the volume in a directory. */
export const nameOfVolume = (directory: string): string =>
  directory.slice(directory.lastIndexOf("/") + 1);

const LANES = 4;
const [OFFSET, PRIME] = [0xcbf29ce484222325n, 0x100000001b3n];

/**
 * A name as long as docker's random ones, always the same for a text. The text
 * begins with a random ID, so the sum FNV-1a is enough to tell names apart.
 */
function anonymousName(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return Array.from({ length: LANES }, (_, lane) => {
    let sum = OFFSET ^ BigInt(lane);
    for (const byte of [...bytes, lane, ...bytes]) {
      sum = BigInt.asUintN(64, (sum ^ BigInt(byte)) * PRIME);
    }
    return sum.toString(16).padStart(16, "0");
  }).join("");
}

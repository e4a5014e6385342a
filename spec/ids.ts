/**
 * Ids of users and groups as the kernel takes them. It cuts a larger number to
 * 32 bits, so that 4294967296 would be root, and takes the highest of those,
 * 4294967295, for "leave it as it is", which is root as well.
 */

import type { IdMapping } from "./types.ts";

/** The highest id there is. */
export const MAX_ID = 0xfffffffe;

/** Whether a number is an id. */
export const isId = (id: number): boolean =>
  Number.isInteger(id) && id >= 0 && id <= MAX_ID;

/** An id in decimal digits; null where it is none. */
export function parseId(text: string): number | null {
  const id = /^\d+$/.test(text) ? Number(text) : NaN;
  return isId(id) ? id : null;
}

/** An id of a user namespace as the host has it; null unless all of `size` ids are in one mapping. */
export function hostIdOf(
  id: number,
  maps: readonly IdMapping[],
  size = 1,
): number | null {
  const map = maps.find((map) =>
    id >= map.containerID && id + size <= map.containerID + map.size
  );
  return map ? map.hostID + id - map.containerID : null;
}

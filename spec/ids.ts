/**
 * Ids of users and groups, in the range of the kernel. The kernel cuts larger
 * numbers to 32 bits, so 4294967296 would be root. It takes the highest number,
 * 4294967295, as "leave the id unchanged", which would be root as well.
 */

import type { IdMapping } from "./types.ts";

/** The highest valid id. */
export const MAX_ID = 0xfffffffe;

/** Whether a number is a valid id. */
export const isId = (id: number): boolean =>
  Number.isInteger(id) && id >= 0 && id <= MAX_ID;

/** Reads an id in decimal digits; null if it is none. */
export function parseId(text: string): number | null {
  const id = /^\d+$/.test(text) ? Number(text) : NaN;
  return isId(id) ? id : null;
}

/**
 * The host's id for an id in a user namespace; null unless one mapping contains
 * all of the `size` ids.
 */
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

/**
 * The indexes of a range and of an earlier one in which it begins; null if no
 * ranges overlap.
 */
export function overlapping(
  ranges: readonly { first: number; size: number }[],
): [later: number, earlier: number] | null {
  const sorted = ranges.map((range, index) => ({ ...range, index }))
    .sort((a, b) => a.first - b.first);
  let [end, earlier] = [0, 0];
  for (const { first, size, index } of sorted) {
    if (first < end) return [index, earlier];
    [end, earlier] = [first + size, index];
  }
  return null;
}

/** Parses the lines of a uid_map, user_namespaces(7). */
export function parseIdMap(text: string): IdMapping[] {
  return text.split("\n").flatMap((line) => {
    const [containerID, hostID, size] = line.trim().split(/\s+/).map(Number);
    return size ? [{ containerID: containerID!, hostID: hostID!, size }] : [];
  });
}

/** Whether two lists of mappings map the same ids to the same ids. */
export const isSameMap = (
  one: readonly IdMapping[],
  other: readonly IdMapping[],
): boolean => mapText(one) === mapText(other);

const mapText = (maps: readonly IdMapping[]) =>
  maps.map(({ containerID, hostID, size }) =>
    `${containerID}:${hostID}:${size}`
  ).join();

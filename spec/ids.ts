/**
 * Ids of users and groups as the kernel takes them. It cuts a larger number to
 * 32 bits, so that 4294967296 would be root, and takes the highest of those,
 * 4294967295, for "leave it as it is", which is root as well.
 */

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

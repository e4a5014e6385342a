/** Packs data that follows launch/native/entry.c in the compiled executable. */

/** Lengths are multiples of this. */
const ALIGNMENT = 8;

/** Rounds a length up to the alignment. */
export const alignedLength = (length: number): number =>
  Math.ceil(length / ALIGNMENT) * ALIGNMENT;

/**
 * Packs the length of everything, these numbers, and the parts, one after the
 * other.
 */
export function packed(
  numbers: readonly (number | bigint)[],
  parts: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const head = new BigUint64Array(1 + numbers.length);
  const bytes = new Uint8Array(alignedLength(
    parts.reduce((sum, part) => sum + part.length, head.byteLength),
  ));
  head.set([bytes.length, ...numbers].map(BigInt));
  let at = 0;
  for (const part of [new Uint8Array(head.buffer), ...parts]) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

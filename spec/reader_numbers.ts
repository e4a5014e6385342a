/**
 * Readers of numbers. OCI's numbers have 64 bits, but a JavaScript number holds
 * only 53 exactly. spec/config_text.ts passes larger ones as bigints.
 */

import { MAX_ID } from "./ids.ts";
import { FAULTY, type Place, type Reader } from "./reader.ts";

const MOST_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** The exact value of a number in JSON. */
function exact(
  value: unknown,
  place: Place,
  range: string,
): bigint | typeof FAULTY {
  if (typeof value === "bigint") return value;
  // 1.0 and 1e3 are integers too.
  if (Number.isInteger(value)) return BigInt(value as number);
  return place.expected(`an integer${range}`, value);
}

function inRange(
  value: unknown,
  place: Place,
  [least, most]: readonly [bigint, bigint],
  range = ` from ${least} to ${most}`,
): bigint | typeof FAULTY {
  const number = exact(value, place, range);
  if (number === FAULTY || number >= least && number <= most) return number;
  return place.expected(`an integer from ${least} to ${most}`, number);
}

/** Reads a whole number in a range that a JavaScript number holds exactly. */
export function integer(least: number, most: number): Reader<number> {
  const range = [BigInt(least), BigInt(most)] as const;
  return (value, place) => {
    const number = inRange(value, place, range);
    return number === FAULTY ? FAULTY : Number(number);
  };
}

export const uint16 = integer(0, 0xffff);
export const uint32 = integer(0, 0xffffffff);
/** The id of a user or a group. */
export const accountId = integer(0, MAX_ID);
export const int32 = integer(-(2 ** 31), 2 ** 31 - 1);

/**
 * Reads an amount in 64 bits: bytes, microseconds, operations. A larger amount
 * than 2^53 - 1 becomes that number. It is 8 PiB or 285 years, above everything
 * that can be limited, so the kernel behaves the same with either.
 */
function amount(least: bigint, most: bigint): Reader<number> {
  return (value, place) => {
    const number = inRange(value, place, [least, most], "");
    if (number === FAULTY) return FAULTY;
    if (number > MOST_SAFE) return Number(MOST_SAFE);
    return Number(number < -MOST_SAFE ? -MOST_SAFE : number);
  };
}

export const int64 = amount(-(1n << 63n), (1n << 63n) - 1n);
export const uint64 = amount(0n, (1n << 64n) - 1n);

/** Reads 64 bits that must stay exact; a bigint if a number would lose some. */
export const word64: Reader<number | bigint> = (value, place) => {
  const number = inRange(value, place, [0n, (1n << 64n) - 1n], "");
  if (number === FAULTY) return FAULTY;
  return number > MOST_SAFE ? number : Number(number);
};

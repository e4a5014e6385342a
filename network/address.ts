/**
 * IPv4 addresses and networks, as text, number and bytes. Pure.
 *
 * @module
 */

import type { Subnet } from "../plan/network.ts";

export type { Subnet };

const ADDRESS_BITS = 32;

/** The number of an address; null if the text is none. Octets have no leading zeros. */
export function addressNumber(text: string): number | null {
  const parts = text.split(".");
  if (parts.length !== 4) return null;
  let number = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return null;
    number = number * 256 + Number(part);
  }
  return number;
}

/** The address with a number. */
export const addressOfNumber = (number: number): string =>
  [24, 16, 8, 0].map((shift) => number >>> shift & 0xff).join(".");

/**
 * The bytes of an address, in network order.
 *
 * @throws {RangeError} if the text is no address
 */
export function addressBytes(text: string): Uint8Array {
  const number = addressNumber(text);
  if (number === null) throw new RangeError(`${text}: not an IPv4 address`);
  return new Uint8Array([24, 16, 8, 0].map((shift) => number >>> shift & 0xff));
}

/** The address with these bytes. */
export const addressText = (bytes: Uint8Array): string => bytes.join(".");

/** Parses `172.18.0.0/16`; null if the text is no network. */
export function parseSubnet(text: string): Subnet | null {
  const [, address = "", size] = /^([^/]+)\/(\d{1,2})$/.exec(text) ?? [];
  const bits = Number(size);
  if (addressNumber(address) === null || !(bits <= ADDRESS_BITS)) return null;
  return { address, bits };
}

/** The text of a network: `172.18.0.0/16`. */
export const subnetText = ({ address, bits }: Subnet): string =>
  `${address}/${bits}`;

/** The number of the first and of the last address of a network. */
export function rangeOf({ address, bits }: Subnet): [number, number] {
  const number = addressNumber(address) ?? 0;
  const size = 2 ** (ADDRESS_BITS - bits);
  const first = Math.floor(number / size) * size;
  return [first, first + size - 1];
}

/** The network of an address with its size: `172.18.0.5/16` is in 172.18.0.0/16. */
export const networkOf = (subnet: Subnet): Subnet => ({
  address: addressOfNumber(rangeOf(subnet)[0]),
  bits: subnet.bits,
});

/** Whether two networks have an address in common. */
export function overlaps(one: Subnet, other: Subnet): boolean {
  const [first, last] = rangeOf(one);
  const [otherFirst, otherLast] = rangeOf(other);
  return first <= otherLast && otherFirst <= last;
}

/** Whether an address is in a network. */
export function contains(subnet: Subnet, address: string): boolean {
  const number = addressNumber(address);
  const [first, last] = rangeOf(subnet);
  return number !== null && first <= number && number <= last;
}

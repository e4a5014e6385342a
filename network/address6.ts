/**
 * IPv6 addresses and networks, as text, number and bytes. Pure.
 *
 * @module
 */

import type { Subnet } from "../plan/network.ts";

const ADDRESS_BITS = 128;
const BYTES = 16;

/** The number of an address; null if the text is none. */
export function addressNumber6(text: string): bigint | null {
  if (!/^[0-9a-f:.]+$/i.test(text) || !URL.canParse(`http://[${text}]`)) {
    return null;
  }
  // The text as RFC 5952 has it: no dotted decimal, at most one `::`.
  const short = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const [before = "", after = ""] = short.split("::");
  const groups = (part: string) => part.split(":").filter(Boolean);
  const [first, last] = [groups(before), groups(after)];
  const missing = BYTES / 2 - first.length - last.length;
  return [...first, ...Array(missing).fill("0"), ...last]
    .reduce((sum, group) => sum << 16n | BigInt(`0x${group}`), 0n);
}

/** The address with a number, as RFC 5952 writes it. */
export function addressOfNumber6(number: bigint): string {
  const groups = Array.from(
    { length: BYTES / 2 },
    (_, index) => (number >> BigInt(16 * (7 - index)) & 0xffffn).toString(16),
  );
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

/**
 * The bytes of an address, in network order.
 *
 * @throws {RangeError} if the text is no address
 */
export function addressBytes6(text: string): Uint8Array {
  const number = addressNumber6(text);
  if (number === null) throw new RangeError(`${text}: not an IPv6 address`);
  return bytesOf(number);
}

const bytesOf = (number: bigint): Uint8Array =>
  Uint8Array.from(
    { length: BYTES },
    (_, index) => Number(number >> BigInt(8 * (BYTES - 1 - index)) & 0xffn),
  );

/** Parses `fd00:1::/64`; null if the text is no network. */
export function parseSubnet6(text: string): Subnet | null {
  const [, address = "", size] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const bits = Number(size);
  if (addressNumber6(address) === null || !(bits <= ADDRESS_BITS)) return null;
  return networkOf6({ address, bits });
}

/** The number of the first and of the last address of a network. */
export function rangeOf6({ address, bits }: Subnet): [bigint, bigint] {
  const number = addressNumber6(address) ?? 0n;
  const size = 1n << BigInt(ADDRESS_BITS - bits);
  const first = number / size * size;
  return [first, first + size - 1n];
}

/** The network of an address with its size. */
const networkOf6 = (subnet: Subnet): Subnet => ({
  address: addressOfNumber6(rangeOf6(subnet)[0]),
  bits: subnet.bits,
});

/** Whether two networks have an address in common. */
export function overlaps6(one: Subnet, other: Subnet): boolean {
  const [first, last] = rangeOf6(one);
  const [otherFirst, otherLast] = rangeOf6(other);
  return first <= otherLast && otherFirst <= last;
}

/** Whether an address is in a network. */
export function contains6(subnet: Subnet, address: string): boolean {
  const number = addressNumber6(address);
  const [first, last] = rangeOf6(subnet);
  return number !== null && first <= number && number <= last;
}

/** A network of its own for an ID of a network: unique local, RFC 4193. */
export const localSubnet = (id: string): Subnet => ({
  address: addressOfNumber6(
    addressNumber6(
      `fd${id.slice(0, 2)}:${id.slice(2, 6)}:${id.slice(6, 10)}:${
        id.slice(10, 14)
      }::`,
    )!,
  ),
  bits: 64,
});

/**
 * What the resolver has to know about a container, and the message in which it
 * gets that: network/dns/native/registry.h reads it. Pure.
 *
 * @module
 */

import { addressBytes, addressNumber } from "../address.ts";
import type { NetworkMember, NetworkRecord } from "../../plan/network.ts";
import { viewOf } from "../netlink/message.ts";
import { shortNetworkId } from "../records/record.ts";

/** Numbers that the resolver shares, in the machine's order unless said. */
const REGISTRATION = 0x31534e44;
const PARTS = 48;
const COUNTS = 40;
const ID = 8;
const SERVER = 20;
const NETWORK = 32;
const FLAG = { forwards: 1, filters: 2 } as const;
const HAS = { ipv4: 1, ipv6: 2 } as const;
const RULE = { below: 1, deny: 2 } as const;
const DNS_PORT = 53;

/** The longest message that the resolver takes. */
export const LONGEST = 65536;

/** A name of a policy. */
export interface NameRule {
  /** In lower case, without the last dot. */
  name: string;
  /** Every name below it, and not itself: `*.example.com`. */
  below?: true;
  deny?: true;
  /** The only port that is allowed; absent for all. */
  port?: number;
}

/** A container's place in a network, as the resolver knows it. */
export interface NamedPlace {
  /** The ID of the network. */
  network: string;
  address?: string;
  address6?: string;
  /** Its names there. The first one belongs to the address in reverse. */
  names: readonly string[];
}

/** A container, as the resolver knows it. */
export interface Registration {
  /** 64 hexadecimal digits, or a UUID. */
  container: string;
  /** The servers that are asked for other names, in this order. */
  servers: readonly string[];
  /** Whether they are: not for a container without a way out. */
  forwards: boolean;
  networks: readonly NamedPlace[];
  /** The names of its policy; absent if it has none. */
  rules?: readonly NameRule[];
}

/**
 * A container's place in a network. Its name in reverse has the network's, as
 * with docker.
 */
export const placeOf = (
  { id, name }: Pick<NetworkRecord, "id" | "name">,
  member: NetworkMember & { address: string; address6?: string },
): NamedPlace => ({
  network: id,
  address: member.address,
  ...member.address6 === undefined ? {} : { address6: member.address6 },
  names: [
    `${member.name}.${name}`,
    ...new Set([
      member.name,
      ...member.aliases,
      shortNetworkId(member.container),
    ]),
  ],
});

const encode = (text: string) => new TextEncoder().encode(text);

/** The bytes of an address, 4 or 16; null if it is none. */
export function bytesOfAddress(address: string): Uint8Array | null {
  if (addressNumber(address) !== null) return addressBytes(address);
  const [text = ""] = address.split("%");
  if (!/^[0-9a-f:.]+$/i.test(text) || !URL.canParse(`http://[${text}]/`)) {
    return null;
  }
  const groups = new URL(`http://[${text}]/`).hostname.slice(1, -1).split("::");
  const [first = [], last = []] = groups.map((part) =>
    part === "" ? [] : part.split(":").map((group) => parseInt(group, 16))
  );
  const all = groups.length === 1 ? first : [
    ...first,
    ...new Array<number>(8 - first.length - last.length).fill(0),
    ...last,
  ];
  const bytes = new Uint8Array(16);
  all.forEach((group, index) => viewOf(bytes).setUint16(2 * index, group));
  return bytes;
}

function serverBytes(address: string): Uint8Array {
  const bytes = new Uint8Array(SERVER);
  const value = bytesOfAddress(address)!;
  viewOf(bytes).setUint16(0, value.length === 4 ? 4 : 6, true);
  viewOf(bytes).setUint16(2, DNS_PORT, true);
  bytes.set(value, 4);
  return bytes;
}

/** The beginning of an ID as a number; those of networks are random. */
const shortId = (id: string) => BigInt(`0x${id.slice(0, 16)}`);

function networkBytes({ network, address, address6 }: NamedPlace): Uint8Array {
  const bytes = new Uint8Array(NETWORK);
  viewOf(bytes).setBigUint64(0, shortId(network), true);
  if (address !== undefined) bytes.set(addressBytes(address), 8);
  if (address6 !== undefined) bytes.set(bytesOfAddress(address6)!, 12);
  bytes[28] = (address === undefined ? 0 : HAS.ipv4) |
    (address6 === undefined ? 0 : HAS.ipv6);
  return bytes;
}

/** A text after numbers of 16 bits, the last of which is its length. */
function textBytes(numbers: readonly number[], name: string): Uint8Array {
  const text = encode(name.toLowerCase());
  const bytes = new Uint8Array(2 * numbers.length + 2 + text.length);
  [...numbers, text.length].forEach((number, index) =>
    viewOf(bytes).setUint16(2 * index, number, true)
  );
  bytes.set(text, 2 * numbers.length + 2);
  return bytes;
}

/** Names that DNS can ask for: others are left to /etc/hosts. */
const isAskable = (name: string) =>
  encode(name).length <= 253 &&
  name.split(".").every((label) => /^[!-[\]-~]{1,63}$/.test(label));

/**
 * The message for a container.
 *
 * @throws {RangeError} if it is longer than the resolver takes
 */
export function encodeRegistration(
  { container, servers, forwards, networks, rules }: Registration,
): Uint8Array {
  const reachable = servers.filter((one) => bytesOfAddress(one) !== null);
  const names = networks.flatMap((place, index) =>
    place.names.filter(isAskable).map((name) => textBytes([index], name))
  );
  const ruleBytes = (rules ?? []).map(({ name, below, deny, port = 0 }) =>
    textBytes([(below ? RULE.below : 0) | (deny ? RULE.deny : 0), port], name)
  );
  const head = new Uint8Array(PARTS);
  const view = viewOf(head);
  view.setUint32(0, REGISTRATION, true);
  view.setUint32(
    4,
    (forwards ? FLAG.forwards : 0) | (rules ? FLAG.filters : 0),
    true,
  );
  head.set(
    Uint8Array.fromHex(
      container.replaceAll("-", "").slice(0, 64).padEnd(64, "0"),
    ),
    ID,
  );
  [reachable, networks, names, ruleBytes].forEach((part, index) =>
    view.setUint16(COUNTS + 2 * index, part.length, true)
  );
  const parts = [
    head,
    ...reachable.map(serverBytes),
    ...networks.map(networkBytes),
    ...names,
    ...ruleBytes,
  ];
  const size = parts.reduce((sum, { length }) => sum + length, 0);
  if (size > LONGEST) {
    throw new RangeError(`its names take ${size} bytes, of at most ${LONGEST}`);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

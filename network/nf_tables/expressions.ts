/**
 * The expressions of a rule of nf_tables: a program that loads fields of a
 * packet into registers, compares them, and decides. An expression that does
 * not match ends the rule. Pure.
 *
 * @module
 */

import {
  type Attribute,
  networkShort,
  networkWord,
  text,
  word,
} from "../netlink/message.ts";
import { NF } from "./messages.ts";

const NFTA_LIST_ELEM = 1;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_DATA_VALUE = 1;
const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;
const NFTA_VERDICT_CHAIN = 2;
const NFT_JUMP = -3;
const NFT_RETURN = -5;
/** The register of the verdict. */
const NFT_REG_VERDICT = 0;

/**
 * The registers of 32 bits, by number from 0 to 15. A longer value takes the
 * following ones as well.
 */
const NFT_REG32_00 = 8;
export const register = (number: number) => networkWord(NFT_REG32_00 + number);

/** An expression by its name, and its attributes. */
export const expression = (
  name: string,
  attributes: readonly Attribute[],
): Attribute => [NFTA_LIST_ELEM, [
  [NFTA_EXPR_NAME, text(name)],
  [NFTA_EXPR_DATA, attributes],
]];

const META = { iifname: 6, oifname: 7, nfproto: 15, l4proto: 16 } as const;

/** Loads something about the packet that is not in it. */
export const meta = (key: keyof typeof META, to = 0): Attribute =>
  expression("meta", [[1, register(to)], [2, networkWord(META[key])]]);

/** Fields by the header that they are in: offset and length. */
const FIELDS = {
  saddr: { base: 1, offset: 12, length: 4 },
  daddr: { base: 1, offset: 16, length: 4 },
  saddr6: { base: 1, offset: 8, length: 16 },
  sport: { base: 2, offset: 0, length: 2 },
  dport: { base: 2, offset: 2, length: 2 },
} as const;

/** Loads a field of the IPv4, IPv6 or transport header. */
export const payload = (field: keyof typeof FIELDS, to = 0): Attribute => {
  const { base, offset, length } = FIELDS[field];
  return expression("payload", [
    [1, register(to)],
    [2, networkWord(base)],
    [3, networkWord(offset)],
    [4, networkWord(length)],
  ]);
};

/** Where the checksum is in the header of a protocol. */
const CHECKSUM = { udp: 6, tcp: 16 } as const;
const NFT_PAYLOAD_CSUM_INET = 1;

/** Loads a constant. */
export const constant = (value: Uint8Array, to = 0): Attribute =>
  expression("immediate", [
    [1, register(to)],
    [2, [[NFTA_DATA_VALUE, value]]],
  ]);

/** Writes a port into the packet, and corrects the checksum. */
export const replacePort = (
  field: "sport" | "dport",
  protocol: keyof typeof CHECKSUM,
  port: number,
): Attribute[] => {
  const { base, offset, length } = FIELDS[field];
  return [
    constant(networkShort(port)),
    expression("payload", [
      [2, networkWord(base)],
      [3, networkWord(offset)],
      [4, networkWord(length)],
      [5, register(0)],
      [6, networkWord(NFT_PAYLOAD_CSUM_INET)],
      [7, networkWord(CHECKSUM[protocol])],
    ]),
  ];
};

const CT = { state: 0, status: 2 } as const;

/** Loads the state of the packet's connection. */
export const connection = (key: keyof typeof CT, to = 0): Attribute =>
  expression("ct", [[1, register(to)], [2, networkWord(CT[key])]]);

/** Bits of `state`. */
export const CT_STATE = { established: 2, related: 4 } as const;
/** The bit of `status` for a connection whose destination was changed. */
export const IPS_DST_NAT = 0x20;

/** Keeps some bits of a number in the machine's order. */
export const mask = (bits: number, at = 0): Attribute =>
  expression("bitwise", [
    [1, register(at)],
    [2, register(at)],
    [3, networkWord(4)],
    [4, [[NFTA_DATA_VALUE, word(bits)]]],
    [5, [[NFTA_DATA_VALUE, word(0)]]],
  ]);

/** Keeps the first bits of an address, for {@linkcode compare} with a network. */
export const maskAddress = (bytes: Uint8Array, at = 0): Attribute =>
  expression("bitwise", [
    [1, register(at)],
    [2, register(at)],
    [3, networkWord(bytes.length)],
    [4, [[NFTA_DATA_VALUE, bytes]]],
    [5, [[NFTA_DATA_VALUE, new Uint8Array(bytes.length)]]],
  ]);

const COMPARISONS = { is: 0, isNot: 1 } as const;

/** Goes on if a register is, or is not, a value. */
export const compare = (
  how: keyof typeof COMPARISONS,
  value: Uint8Array,
  at = 0,
): Attribute =>
  expression("cmp", [
    [1, register(at)],
    [2, networkWord(COMPARISONS[how])],
    [3, [[NFTA_DATA_VALUE, value]]],
  ]);

const NFT_LOOKUP_F_INV = 1;

/** Goes on if the registers from `at` are, or are not, in a set. */
export const inSet = (
  set: string,
  { at = 0, not = false } = {},
): Attribute =>
  expression("lookup", [
    [1, text(set)],
    [2, register(at)],
    ...not ? [[5, networkWord(NFT_LOOKUP_F_INV)] satisfies Attribute] : [],
  ]);

/** Replaces the registers from `at` by the value of a map, or does not go on. */
export const mapped = (
  map: string,
  { at = 0, to = 0 } = {},
): Attribute =>
  expression("lookup", [[1, text(map)], [2, register(at)], [3, register(to)]]);

const NFT_FIB_RESULT_ADDRTYPE = 3;
const NFTA_FIB_F_DADDR = 2;
const RTN_LOCAL = 2;

/** Goes on if the packet is for an address of this machine. */
export const toThisMachine = (): Attribute[] => [
  expression("fib", [
    [1, register(0)],
    [2, networkWord(NFT_FIB_RESULT_ADDRTYPE)],
    [3, networkWord(NFTA_FIB_F_DADDR)],
  ]),
  compare("is", word(RTN_LOCAL)),
];

const NFT_NAT_DNAT = 1;
const NFPROTO_IPV4 = 2;

/** Sends the connection to the address and port in two registers. */
export const destinationNat = ({ address = 0, port = 1 } = {}): Attribute =>
  expression("nat", [
    [1, networkWord(NFT_NAT_DNAT)],
    [2, networkWord(NFPROTO_IPV4)],
    [3, register(address)],
    [5, register(port)],
  ]);

/** Gives the connection the address of the device that it leaves through. */
export const masquerade = (): Attribute => expression("masq", []);

const verdictOf = (verdict: Attribute[]): Attribute =>
  expression("immediate", [
    [1, networkWord(NFT_REG_VERDICT)],
    [2, [[NFTA_DATA_VERDICT, verdict]]],
  ]);

const VERDICTS = {
  drop: NF.NF_DROP,
  accept: NF.NF_ACCEPT,
  return: NFT_RETURN,
} as const;

/** Ends the chain with a decision. */
export const verdict = (name: keyof typeof VERDICTS): Attribute =>
  verdictOf([[NFTA_VERDICT_CODE, networkWord(VERDICTS[name])]]);

/** Continues in another chain, and then here. */
export const jump = (chain: string): Attribute =>
  verdictOf([
    [NFTA_VERDICT_CODE, networkWord(NFT_JUMP)],
    [NFTA_VERDICT_CHAIN, text(chain)],
  ]);

/** The name of a device as a value, IFNAMSIZ bytes. */
export function deviceName(name: string): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(new TextEncoder().encode(name));
  return bytes;
}

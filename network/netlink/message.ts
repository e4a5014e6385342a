/**
 * The bytes of netlink messages, netlink(7): a header, the structure of the
 * message type, and attributes, which can contain attributes. Pure.
 *
 * @module
 */

/** The size of struct nlmsghdr. */
export const HEADER = 16;

/** An attribute: its number, and its value or the attributes in it. */
export type Attribute = readonly [
  type: number,
  value: Uint8Array | readonly Attribute[],
];

/** An attribute of an answer. Its value can be {@linkcode parseAttributes}. */
export type ParsedAttribute = readonly [type: number, value: Uint8Array];

/** A message without its header. */
export interface NetlinkMessage<A extends Attribute = Attribute> {
  /** The structure of the message type. */
  front: Uint8Array;
  attributes: readonly A[];
}

/** A message that changes something. */
export interface Change extends NetlinkMessage {
  type: number;
  /** NLM_F_CREATE and others, in addition to those of every request. */
  flags?: number;
}

/** Flags of requests, linux/netlink.h. */
export const NLM = {
  NLM_F_REQUEST: 1,
  NLM_F_ACK: 4,
  NLM_F_DUMP: 0x300,
  NLM_F_REPLACE: 0x100,
  NLM_F_EXCL: 0x200,
  NLM_F_CREATE: 0x400,
  NLM_F_APPEND: 0x800,
} as const;

const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;
const ATTRIBUTE_HEADER = 4;

/** Rounds up to the alignment of netlink(3). */
export const align = (size: number): number => (size + 3) & ~3;

/** A view of the bytes, and of nothing else in their buffer. */
export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A number of 8 bits as attribute value. */
export const byte = (value: number): Uint8Array => new Uint8Array([value]);

/** A number of 32 bits in the machine's order as attribute value. */
export function word(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value >>> 0, true);
  return bytes;
}

/** A number of 32 bits in network order as attribute value. */
export function networkWord(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value >>> 0);
  return bytes;
}

/** A number of 16 bits in network order. */
export const networkShort = (value: number): Uint8Array =>
  new Uint8Array([value >> 8 & 0xff, value & 0xff]);

/** A text as attribute value. */
export const text = (value: string): Uint8Array =>
  new TextEncoder().encode(`${value}\0`);

/** The text of an attribute value. */
export const textOf = (value: Uint8Array): string =>
  new TextDecoder().decode(value).replace(/\0.*$/s, "");

const sizeOf = ([, value]: Attribute): number =>
  ATTRIBUTE_HEADER +
  (value instanceof Uint8Array ? value.length : sizeOfAll(value));

const sizeOfAll = (attributes: readonly Attribute[]): number =>
  attributes.reduce((sum, attribute) => sum + align(sizeOf(attribute)), 0);

/** Writes attributes at a place; returns the place after them. */
function write(
  bytes: Uint8Array,
  at: number,
  attributes: readonly Attribute[],
): number {
  const view = viewOf(bytes);
  for (const attribute of attributes) {
    const [type, value] = attribute;
    const isNested = !(value instanceof Uint8Array);
    view.setUint16(at, sizeOf(attribute), true);
    view.setUint16(at + 2, isNested ? type | NLA_F_NESTED : type, true);
    if (isNested) write(bytes, at + ATTRIBUTE_HEADER, value);
    else bytes.set(value, at + ATTRIBUTE_HEADER);
    at += align(sizeOf(attribute));
  }
  return at;
}

/** Attributes after a structure, for a value that consists of both. */
export function encodeAttributes(
  front: Uint8Array,
  attributes: readonly Attribute[],
): Uint8Array {
  const bytes = new Uint8Array(align(front.length) + sizeOfAll(attributes));
  bytes.set(front);
  write(bytes, align(front.length), attributes);
  return bytes;
}

/** A whole message. */
export function encodeMessage(
  { type, flags, sequence }: { type: number; flags: number; sequence: number },
  { front, attributes }: NetlinkMessage,
): Uint8Array {
  const size = HEADER + align(front.length) + sizeOfAll(attributes);
  const bytes = new Uint8Array(size);
  const view = viewOf(bytes);
  view.setUint32(0, size, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, sequence, true);
  bytes.set(front, HEADER);
  write(bytes, HEADER + align(front.length), attributes);
  return bytes;
}

/** The attributes from a place on. */
export function parseAttributes(bytes: Uint8Array, at = 0): ParsedAttribute[] {
  const view = viewOf(bytes);
  const attributes: ParsedAttribute[] = [];
  while (at + ATTRIBUTE_HEADER <= bytes.length) {
    const size = view.getUint16(at, true);
    if (size < ATTRIBUTE_HEADER || at + size > bytes.length) break;
    attributes.push([
      view.getUint16(at + 2, true) & NLA_TYPE_MASK,
      bytes.slice(at + ATTRIBUTE_HEADER, at + size),
    ]);
    at += align(size);
  }
  return attributes;
}

/** The value of an attribute; undefined if it is missing. */
export const valueOf = (
  attributes: readonly ParsedAttribute[],
  type: number,
): Uint8Array | undefined => attributes.find(([other]) => other === type)?.[1];

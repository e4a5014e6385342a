/**
 * Messages of nf_tables, the kernel's firewall: tables, chains, sets, maps and
 * rules, linux/netfilter/nf_tables.h. All are part of a batch, which the kernel
 * carries out as a whole or not at all. Pure.
 *
 * @module
 */

import {
  type Attribute,
  type Change,
  type NetlinkMessage,
  networkShort,
  networkWord,
  NLM,
  parseAttributes,
  type ParsedAttribute,
  text,
  valueOf,
} from "../netlink/message.ts";

export const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 16;
const NFNL_MSG_BATCH_END = 17;

/** Messages, without the number of the subsystem. */
const NFT_MSG = {
  NFT_MSG_NEWTABLE: 0,
  NFT_MSG_DELTABLE: 2,
  NFT_MSG_NEWCHAIN: 3,
  NFT_MSG_NEWRULE: 6,
  NFT_MSG_NEWSET: 9,
  NFT_MSG_NEWSETELEM: 12,
  NFT_MSG_GETSETELEM: 13,
  NFT_MSG_DELSETELEM: 14,
} as const;

const NFTA_TABLE_NAME = 1;
export const NFTA_CHAIN_TABLE = 1;
export const NFTA_CHAIN_NAME = 3;
export const NFTA_CHAIN_HOOK = 4;
export const NFTA_CHAIN_POLICY = 5;
const NFTA_CHAIN_TYPE = 7;
export const NFTA_HOOK_HOOKNUM = 1;
const NFTA_HOOK_PRIORITY = 2;
const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_EXPRESSIONS = 4;
const NFTA_SET_TABLE = 1;
const NFTA_SET_NAME = 2;
const NFTA_SET_FLAGS = 3;
const NFTA_SET_KEY_TYPE = 4;
const NFTA_SET_KEY_LEN = 5;
const NFTA_SET_DATA_TYPE = 6;
const NFTA_SET_DATA_LEN = 7;
const NFTA_SET_ID = 10;
const NFTA_SET_USERDATA = 13;
const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_DATA = 2;
const NFTA_SET_ELEM_FLAGS = 3;
const NFTA_LIST_ELEM = 1;
const NFTA_DATA_VALUE = 1;

const NFT_SET_INTERVAL = 4;
const NFT_SET_MAP = 8;
const NFT_SET_ELEM_INTERVAL_END = 1;

/** The families of a table, linux/netfilter.h. */
const NFPROTO = { inet: 1, ip: 2, ip6: 10 } as const;

/** A table. */
export interface Table {
  family: keyof typeof NFPROTO;
  name: string;
}

/** The hooks of the IP families, linux/netfilter.h. */
const HOOKS = {
  prerouting: 0,
  input: 1,
  forward: 2,
  output: 3,
  postrouting: 4,
} as const;

/** Policies of a chain, and verdicts of linux/netfilter.h. */
export const NF = { NF_DROP: 0, NF_ACCEPT: 1 } as const;

/** What calls a chain. */
export interface Hook {
  type: "filter" | "nat";
  hook: keyof typeof HOOKS;
  /** Chains with a lower number are called earlier. */
  priority: number;
}

/**
 * Types of keys and values, with their sizes. The kernel only needs the sizes;
 * the numbers are those with which nft(8) shows the set.
 */
const TYPES = {
  ipv4_addr: [7, 4],
  ipv6_addr: [8, 16],
  inet_proto: [12, 1],
  inet_service: [13, 2],
  ifname: [41, 16],
} as const satisfies Record<string, readonly [number: number, size: number]>;

/** The name of a type. */
export type SetType = keyof typeof TYPES;

/**
 * A note for nft(8), which shows a name only if it knows its byte order: the
 * number and the size of the field, and the machine's order.
 */
const MACHINE_ORDER = new Uint8Array([0, 4, 1, 0, 0, 0]);

/** Parts of a concatenation begin at whole registers. */
const REGISTER = 4;
const TYPE_BITS = 6;

/** A set, or a map if it has values. Several types are a concatenation. */
export interface NamedSet {
  name: string;
  key: readonly SetType[];
  value?: readonly SetType[];
  /** Its elements are ranges. */
  ranges?: true;
}

/** struct nfgenmsg. */
const front = (family: number, resource = 0) =>
  new Uint8Array([family, 0, ...networkShort(resource)]);

const message = (
  { family }: Table,
  type: keyof typeof NFT_MSG,
  attributes: readonly Attribute[],
  flags = 0,
): Change => ({
  type: NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG[type],
  flags,
  front: front(NFPROTO[family]),
  attributes,
});

/** Messages with the marks of their begin and end. */
export const batchOf = (changes: readonly Change[]): Change[] => {
  const mark = (type: number): Change => ({
    type,
    front: front(0, NFNL_SUBSYS_NFTABLES),
    attributes: [],
  });
  return [mark(NFNL_MSG_BATCH_BEGIN), ...changes, mark(NFNL_MSG_BATCH_END)];
};

/** Makes a table. Nothing happens if it exists, unless that is an error. */
export const newTable = (
  table: Table,
  { exclusive = false } = {},
): Change =>
  message(
    table,
    "NFT_MSG_NEWTABLE",
    [[NFTA_TABLE_NAME, text(table.name)]],
    NLM.NLM_F_CREATE | (exclusive ? NLM.NLM_F_EXCL : 0),
  );

/** Removes a table with everything in it. */
export const deleteTable = (table: Table): Change =>
  message(table, "NFT_MSG_DELTABLE", [[NFTA_TABLE_NAME, text(table.name)]]);

/** Makes a chain. */
export const newChain = (table: Table, name: string, hook?: Hook): Change =>
  message(table, "NFT_MSG_NEWCHAIN", [
    [NFTA_CHAIN_TABLE, text(table.name)],
    [NFTA_CHAIN_NAME, text(name)],
    ...hook
      ? [
        [NFTA_CHAIN_HOOK, [
          [NFTA_HOOK_HOOKNUM, networkWord(HOOKS[hook.hook])],
          [NFTA_HOOK_PRIORITY, networkWord(hook.priority)],
        ]],
        [NFTA_CHAIN_POLICY, networkWord(NF.NF_ACCEPT)],
        [NFTA_CHAIN_TYPE, text(hook.type)],
      ] satisfies Attribute[]
      : [],
  ], NLM.NLM_F_CREATE);

/** Adds a rule to the end of a chain. */
export const newRule = (
  table: Table,
  chain: string,
  expressions: readonly Attribute[],
): Change =>
  message(table, "NFT_MSG_NEWRULE", [
    [NFTA_RULE_TABLE, text(table.name)],
    [NFTA_RULE_CHAIN, text(chain)],
    [NFTA_RULE_EXPRESSIONS, expressions],
  ], NLM.NLM_F_CREATE | NLM.NLM_F_APPEND);

const sizeIn = (types: readonly SetType[]) =>
  types.length === 1 ? TYPES[types[0]!][1] : types.reduce(
    (sum, type) => sum + REGISTER * Math.ceil(TYPES[type][1] / REGISTER),
    0,
  );

const numberIn = (types: readonly SetType[]) =>
  types.reduce((number, type) => number << TYPE_BITS | TYPES[type][0], 0);

/**
 * Makes a set or a map.
 *
 * @param id another number for each set of a batch
 */
export const newSet = (table: Table, set: NamedSet, id: number): Change => {
  const { name, key, value, ranges } = set;
  return message(table, "NFT_MSG_NEWSET", [
    [NFTA_SET_TABLE, text(table.name)],
    [NFTA_SET_NAME, text(name)],
    [
      NFTA_SET_FLAGS,
      networkWord(
        (ranges ? NFT_SET_INTERVAL : 0) | (value ? NFT_SET_MAP : 0),
      ),
    ],
    [NFTA_SET_KEY_TYPE, networkWord(numberIn(key))],
    [NFTA_SET_KEY_LEN, networkWord(sizeIn(key))],
    ...value
      ? [
        [NFTA_SET_DATA_TYPE, networkWord(numberIn(value))],
        [NFTA_SET_DATA_LEN, networkWord(sizeIn(value))],
      ] satisfies Attribute[]
      : [],
    [NFTA_SET_ID, networkWord(id)],
    ...key.length === 1 && key[0] === "ifname"
      ? [[NFTA_SET_USERDATA, MACHINE_ORDER] satisfies Attribute]
      : [],
  ], NLM.NLM_F_CREATE);
};

/** An element of a set: its key, one part for each type, and its value in a map. */
export interface Element {
  key: readonly Uint8Array[];
  value?: readonly Uint8Array[];
}

/** Joins the parts of a concatenation. */
export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only) return only;
  const sizes = parts.map(({ length }) =>
    REGISTER * Math.ceil(length / REGISTER)
  );
  const bytes = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
  let at = 0;
  parts.forEach((part, index) => {
    bytes.set(part, at);
    at += sizes[index]!;
  });
  return bytes;
}

const data = (parts: readonly Uint8Array[]): Attribute[] => [
  [NFTA_DATA_VALUE, concatenate(parts)],
];

const elements = (
  table: Table,
  set: string,
  list: readonly Attribute[],
): Attribute[] => [
  [NFTA_SET_ELEM_LIST_TABLE, text(table.name)],
  [NFTA_SET_ELEM_LIST_SET, text(set)],
  [NFTA_SET_ELEM_LIST_ELEMENTS, list],
];

const element = ({ key, value }: Element): Attribute => [NFTA_LIST_ELEM, [
  [NFTA_SET_ELEM_KEY, data(key)],
  ...value ? [[NFTA_SET_ELEM_DATA, data(value)] satisfies Attribute] : [],
]];

/**
 * Adds elements to a set or a map. An element that is there already stays, unless
 * that is an error.
 */
export const addElements = (
  table: Table,
  set: string,
  added: readonly Element[],
  { exclusive = false } = {},
): Change =>
  message(
    table,
    "NFT_MSG_NEWSETELEM",
    elements(table, set, added.map(element)),
    NLM.NLM_F_CREATE | (exclusive ? NLM.NLM_F_EXCL : 0),
  );

/** Removes elements; each must be there. */
export const deleteElements = (
  table: Table,
  set: string,
  gone: readonly Element[],
): Change =>
  message(
    table,
    "NFT_MSG_DELSETELEM",
    elements(table, set, gone.map(({ key }) => element({ key }))),
  );

/** Asks for an element. It is no part of a batch. */
export const getElement = (
  table: Table,
  set: string,
  { key }: Element,
): NetlinkMessage & { type: number } =>
  message(
    table,
    "NFT_MSG_GETSETELEM",
    elements(table, set, [element({ key })]),
  );

/** The value of an element that the kernel has returned; null without one. */
export function valueOfElement(
  attributes: readonly ParsedAttribute[],
): Uint8Array | null {
  let bytes = valueOf(attributes, NFTA_SET_ELEM_LIST_ELEMENTS);
  for (const type of [NFTA_LIST_ELEM, NFTA_SET_ELEM_DATA, NFTA_DATA_VALUE]) {
    bytes = bytes && valueOf(parseAttributes(bytes), type);
  }
  return bytes ?? null;
}

/** A range of addresses in a set of ranges; the end is the first one after it. */
export type Range = readonly [start: Uint8Array, end: Uint8Array];

const range = ([start, end]: Range): Attribute[] => [
  element({ key: [start] }),
  [NFTA_LIST_ELEM, [
    [NFTA_SET_ELEM_KEY, data([end])],
    [NFTA_SET_ELEM_FLAGS, networkWord(NFT_SET_ELEM_INTERVAL_END)],
  ]],
];

/** Adds ranges to a set of ranges. */
export const addRanges = (
  table: Table,
  set: string,
  ranges: readonly Range[],
): Change =>
  message(
    table,
    "NFT_MSG_NEWSETELEM",
    elements(table, set, ranges.flatMap(range)),
    NLM.NLM_F_CREATE,
  );

/** Removes ranges. */
export const deleteRanges = (
  table: Table,
  set: string,
  ranges: readonly Range[],
): Change =>
  message(
    table,
    "NFT_MSG_DELSETELEM",
    elements(table, set, ranges.flatMap(range)),
  );

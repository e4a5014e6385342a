/**
 * Our only table in the host's firewall. Its rules never change: the
 * networks and the published ports are elements of its sets and maps, so that a
 * thousand ports are no more rules than one. Pure.
 *
 * @module
 */

import {
  addressBytes,
  addressOfNumber,
  addressText,
  rangeOf,
  type Subnet,
} from "../address.ts";
import type {
  Attribute,
  Change,
  NetlinkMessage,
  ParsedAttribute,
} from "../netlink/message.ts";
import { networkShort, word } from "../netlink/message.ts";
import {
  compare,
  connection,
  CT_STATE,
  destinationNat,
  deviceName,
  inSet,
  IPS_DST_NAT,
  jump,
  mapped,
  mask,
  maskAddress,
  masquerade,
  meta,
  payload,
  toThisMachine,
  verdict,
} from "./expressions.ts";
import {
  addElements,
  addRanges,
  deleteElements,
  deleteRanges,
  deleteTable,
  type Element,
  getElement,
  type NamedSet,
  newChain,
  newRule,
  newSet,
  newTable,
  type Range,
  type Table,
  valueOfElement,
} from "./messages.ts";

/** The table. */
export const TABLE: Table = { family: "ip", name: "container" };

/** NF_IP_PRI_NAT_DST and the others, linux/netfilter_ipv4.h. */
const PRIORITY = { destinationNat: -100, filter: 0, sourceNat: 100 } as const;

/** The sets of bridges. */
export const BRIDGE_SETS: readonly NamedSet[] = [
  /** The bridges of all networks. */
  { name: "bridges", key: ["ifname"] },
  /** Bridges whose containers reach nothing outside of them. */
  { name: "internal", key: ["ifname"] },
  /** Each bridge with itself: traffic that stays in a network. */
  { name: "same", key: ["ifname", "ifname"] },
];

/** The sets and maps of the table. */
const SETS: readonly NamedSet[] = [
  ...BRIDGE_SETS,
  /** The networks whose containers appear with the host's address outside. */
  { name: "masqueraded", key: ["ipv4_addr"], ranges: true },
  /** Ports that are published on all addresses of the host. */
  {
    name: "published",
    key: ["inet_proto", "inet_service"],
    value: ["ipv4_addr", "inet_service"],
  },
  /** Ports that are published on one address. */
  {
    name: "published_at",
    key: ["ipv4_addr", "inet_proto", "inet_service"],
    value: ["ipv4_addr", "inet_service"],
  },
];

const LOOPBACK = addressBytes("127.0.0.0");
const LOOPBACK_MASK = addressBytes("255.0.0.0");

const hasBits = (
  key: "state" | "status",
  bits: number,
): Attribute[] => [connection(key), mask(bits), compare("isNot", word(0))];

const accept = verdict("accept");
const drop = verdict("drop");

/** A chain with its rules. */
export interface RuledChain {
  name: string;
  hook?: Parameters<typeof newChain>[2];
  rules: readonly (readonly Attribute[])[];
}

/** What becomes of packets between networks, and from outside. */
export const FORWARD_CHAIN: RuledChain = {
  name: "forward",
  hook: { type: "filter", hook: "forward", priority: PRIORITY.filter },
  rules: [
    [
      ...hasBits("state", CT_STATE.established | CT_STATE.related),
      accept,
    ],
    [meta("iifname", 0), meta("oifname", 4), inSet("same"), accept],
    [meta("iifname"), inSet("internal"), drop],
    [meta("oifname"), inSet("internal"), drop],
    [...hasBits("status", IPS_DST_NAT), accept],
    // From outside, or from another network.
    [meta("oifname"), inSet("bridges"), drop],
  ],
};

/** When the source of a packet may change. */
export const POSTROUTING_HOOK = {
  type: "nat",
  hook: "postrouting",
  priority: PRIORITY.sourceNat,
} as const;

/** The rules by chain. */
const CHAINS: readonly RuledChain[] = [
  {
    name: "publish",
    rules: [
      [
        payload("daddr", 0),
        meta("l4proto", 1),
        payload("dport", 2),
        mapped("published_at"),
        destinationNat(),
      ],
      [
        meta("l4proto", 0),
        payload("dport", 1),
        mapped("published"),
        destinationNat(),
      ],
    ],
  },
  {
    name: "prerouting",
    hook: {
      type: "nat",
      hook: "prerouting",
      priority: PRIORITY.destinationNat,
    },
    // Containers reach published ports by the relay. If br_netfilter is loaded,
    // a packet that is sent back to the same bridge would never leave it.
    rules: [[
      meta("iifname"),
      inSet("bridges", { not: true }),
      ...toThisMachine(),
      jump("publish"),
    ]],
  },
  {
    name: "output",
    hook: { type: "nat", hook: "output", priority: PRIORITY.destinationNat },
    // A packet from 127.0.0.1 cannot leave the machine. It would need
    // route_localnet, by which a container could reach the host's loopback.
    rules: [[
      payload("daddr"),
      maskAddress(LOOPBACK_MASK),
      compare("isNot", LOOPBACK),
      ...toThisMachine(),
      jump("publish"),
    ]],
  },
  {
    name: "postrouting",
    hook: POSTROUTING_HOOK,
    rules: [
      [
        payload("saddr"),
        inSet("masqueraded"),
        meta("oifname"),
        inSet("bridges", { not: true }),
        masquerade(),
      ],
    ],
  },
  FORWARD_CHAIN,
];

/** Makes a table with its sets, chains and rules. It must not exist. */
export const makeWhole = (
  table: Table,
  sets: readonly NamedSet[],
  chains: readonly RuledChain[],
): Change[] => [
  newTable(table, { exclusive: true }),
  ...sets.map((set, index) => newSet(table, set, index + 1)),
  ...chains.map(({ name, hook }) => newChain(table, name, hook)),
  ...chains.flatMap(({ name, rules }) =>
    rules.map((rule) => newRule(table, name, rule))
  ),
];

/**
 * Makes a table again, and everything in it, at one moment.
 *
 * @param made what {@linkcode makeWhole} returns for the table
 */
export const remakeWhole = (
  table: Table,
  made: readonly Change[],
): Change[] => [
  // Removing a table that is not there would be an error.
  newTable(table),
  deleteTable(table),
  ...made,
];

/** Makes our table for IPv4. It must not exist. */
export const makeTable = (): Change[] => makeWhole(TABLE, SETS, CHAINS);

/** Makes our table for IPv4 again, and everything in it, at one moment. */
export const remakeTable = (): Change[] => remakeWhole(TABLE, makeTable());

/** What the firewall knows of a network. */
export interface FilteredNetwork {
  bridge: string;
  subnet: Subnet;
  internal: boolean;
  masquerade: boolean;
}

/** The range of a network, with the first address after it as its end. */
function rangeIn(subnet: Subnet): Range {
  const [first, last] = rangeOf(subnet);
  return [
    addressBytes(addressOfNumber(first)),
    addressBytes(addressOfNumber((last + 1) >>> 0)),
  ];
}

/** What the sets of bridges have of a network. */
export const bridgeElements = (
  { bridge, internal }: Pick<FilteredNetwork, "bridge" | "internal">,
): [set: string, element: Element][] => {
  const name = deviceName(bridge);
  return [
    ["bridges", { key: [name] }],
    ["same", { key: [name, name] }],
    ...internal ? [["internal", { key: [name] }] as [string, Element]] : [],
  ];
};

/** Adds a network. */
export const addNetwork = (network: FilteredNetwork): Change[] => [
  ...bridgeElements(network).map(([set, element]) =>
    addElements(TABLE, set, [element])
  ),
  ...network.masquerade
    ? [addRanges(TABLE, "masqueraded", [rangeIn(network.subnet)])]
    : [],
];

/** Asks whether a network is in the table. It is no part of a batch. */
export const getNetwork = (
  { bridge }: Pick<FilteredNetwork, "bridge">,
): NetlinkMessage & { type: number } =>
  getElement(TABLE, "bridges", { key: [deviceName(bridge)] });

/** Removes a network. */
export const removeNetwork = (network: FilteredNetwork): Change[] => [
  ...bridgeElements(network).map(([set, element]) =>
    deleteElements(TABLE, set, [element])
  ),
  ...network.masquerade
    ? [deleteRanges(TABLE, "masqueraded", [rangeIn(network.subnet)])]
    : [],
];

const PROTOCOLS = { tcp: 6, udp: 17, sctp: 132 } as const;

/** A port of the host that leads to a container. */
export interface PublishedPort {
  protocol: keyof typeof PROTOCOLS;
  /** The address of the host; absent for all of them. */
  hostAddress?: string;
  hostPort: number;
  address: string;
  port: number;
}

const published = (
  { protocol, hostAddress, hostPort, address, port }: PublishedPort,
): [set: string, element: Element] => [
  hostAddress === undefined ? "published" : "published_at",
  {
    key: [
      ...hostAddress === undefined ? [] : [addressBytes(hostAddress)],
      new Uint8Array([PROTOCOLS[protocol]]),
      networkShort(hostPort),
    ],
    value: [addressBytes(address), networkShort(port)],
  },
];

/** Elements of one message: the size of an attribute is a number of 16 bits. */
const MOST = 256;

const grouped = (ports: readonly PublishedPort[]) =>
  Object.entries(
    Object.groupBy(ports.map(published), ([set]) => set),
  ).flatMap(([set, list = []]) =>
    Array.from(
      { length: Math.ceil(list.length / MOST) },
      (_, index): [string, Element[]] => [
        set,
        list.slice(index * MOST, (index + 1) * MOST).map(([, element]) =>
          element
        ),
      ],
    )
  );

/** Publishes ports. It is an error if one is published already. */
export const addPorts = (ports: readonly PublishedPort[]): Change[] =>
  grouped(ports).map(([set, list]) =>
    addElements(TABLE, set, list, { exclusive: true })
  );

/** Withdraws ports. */
export const removePorts = (ports: readonly PublishedPort[]): Change[] =>
  grouped(ports).map(([set, list]) => deleteElements(TABLE, set, list));

/** Asks where a port leads to. It is no part of a batch. */
export function getPort(
  port: PublishedPort,
): NetlinkMessage & { type: number } {
  const [set, element] = published(port);
  return getElement(TABLE, set, element);
}

/** The address in the answer to {@linkcode getPort}; null if there is none. */
export function targetOf(
  attributes: readonly ParsedAttribute[],
): string | null {
  const value = valueOfElement(attributes);
  return value && addressText(value.subarray(0, 4));
}

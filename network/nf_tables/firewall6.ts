/**
 * Our table for IPv6: the same as that for IPv4 without published ports, which
 * the relay serves. It is there if a network has IPv6. Pure.
 *
 * @module
 */

import { addressBytes6, addressOfNumber6, rangeOf6 } from "../address6.ts";
import type { Change, NetlinkMessage } from "../netlink/message.ts";
import type { NetworkRecord, Subnet } from "../../plan/network.ts";
import { deviceName, inSet, masquerade, meta, payload } from "./expressions.ts";
import {
  BRIDGE_SETS,
  bridgeElements,
  FORWARD_CHAIN,
  makeWhole,
  POSTROUTING_HOOK,
  remakeWhole,
  type RuledChain,
} from "./firewall.ts";
import {
  addElements,
  addRanges,
  deleteElements,
  deleteRanges,
  getElement,
  type NamedSet,
  type Range,
  type Table,
} from "./messages.ts";

const TABLE6: Table = { family: "ip6", name: "container" };

const SETS: readonly NamedSet[] = [
  ...BRIDGE_SETS,
  { name: "masqueraded", key: ["ipv6_addr"], ranges: true },
];

const CHAINS: readonly RuledChain[] = [
  {
    name: "postrouting",
    hook: POSTROUTING_HOOK,
    rules: [[
      payload("saddr6"),
      inSet("masqueraded"),
      meta("oifname"),
      inSet("bridges", { not: true }),
      masquerade(),
    ]],
  },
  FORWARD_CHAIN,
];

/** What the firewall knows of a network with IPv6. */
type Filtered = Pick<
  NetworkRecord,
  "bridge" | "subnet" | "internal" | "masquerade" | "ipv6"
>;

/** Makes the table with its sets, chains and rules. It must not exist. */
export const makeTable6 = (): Change[] => makeWhole(TABLE6, SETS, CHAINS);

/** Makes the table again, and everything in it, at one moment. */
export const remakeTable6 = (): Change[] => remakeWhole(TABLE6, makeTable6());

/** The range of a network, with the first address after it as its end. */
function rangeIn(subnet: Subnet): Range {
  const [first, last] = rangeOf6(subnet);
  return [
    addressBytes6(addressOfNumber6(first)),
    addressBytes6(addressOfNumber6(last + 1n)),
  ];
}

const ranges = ({ masquerade, ipv6 }: Filtered): Range[] =>
  masquerade && ipv6 ? [rangeIn(ipv6.subnet)] : [];

/** Adds a network. */
export const addNetwork6 = (network: Filtered): Change[] => [
  ...bridgeElements(network).map(([set, element]) =>
    addElements(TABLE6, set, [element])
  ),
  ...ranges(network).map((range) => addRanges(TABLE6, "masqueraded", [range])),
];

/** Removes a network. */
export const removeNetwork6 = (network: Filtered): Change[] => [
  ...bridgeElements(network).map(([set, element]) =>
    deleteElements(TABLE6, set, [element])
  ),
  ...ranges(network).map((range) =>
    deleteRanges(TABLE6, "masqueraded", [range])
  ),
];

/** Asks whether a network is in the table. It is no part of a batch. */
export const getNetwork6 = (
  { bridge }: Pick<Filtered, "bridge">,
): NetlinkMessage & { type: number } =>
  getElement(TABLE6, "bridges", { key: [deviceName(bridge)] });

/**
 * Messages of rtnetlink(7) about IPv4 routes. Pure.
 *
 * @module
 */

import { addressBytes6 } from "../address6.ts";
import { addressBytes, addressText, type Subnet } from "../address.ts";
import {
  type Change,
  type NetlinkMessage,
  NLM,
  type ParsedAttribute,
  valueOf,
  viewOf,
} from "../netlink/message.ts";
import { AF_INET, AF_INET6 } from "./addresses.ts";

/** Messages of linux/rtnetlink.h about routes. */
export const RTM_ROUTE = { RTM_NEWROUTE: 24, RTM_GETROUTE: 26 } as const;

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RT_TABLE_MAIN = 254;
const RTPROT_STATIC = 4;
const RT_SCOPE_UNIVERSE = 0;
const RTN_UNICAST = 1;

/** Sends everything that has no other route to a gateway. */
export const newDefaultRoute = (gateway: string): Change => ({
  type: RTM_ROUTE.RTM_NEWROUTE,
  flags: NLM.NLM_F_CREATE | NLM.NLM_F_EXCL,
  front: routeFront({
    table: RT_TABLE_MAIN,
    protocol: RTPROT_STATIC,
    scope: RT_SCOPE_UNIVERSE,
    type: RTN_UNICAST,
  }),
  attributes: [[RTA_GATEWAY, addressBytes(gateway)]],
});

/** {@linkcode newDefaultRoute} of IPv6. */
export const newDefaultRoute6 = (gateway: string): Change => ({
  type: RTM_ROUTE.RTM_NEWROUTE,
  flags: NLM.NLM_F_CREATE | NLM.NLM_F_EXCL,
  front: routeFront({
    family: AF_INET6,
    table: RT_TABLE_MAIN,
    protocol: RTPROT_STATIC,
    scope: RT_SCOPE_UNIVERSE,
    type: RTN_UNICAST,
  }),
  attributes: [[RTA_GATEWAY, addressBytes6(gateway)]],
});

/** struct rtmsg of rtnetlink(7). */
export const routeFront = (
  { family = AF_INET, table = 0, protocol = 0, scope = 0, type = 0 } = {},
): Uint8Array =>
  new Uint8Array([family, 0, 0, 0, table, protocol, scope, type, 0, 0, 0, 0]);

/** A route to a network. */
export interface Route {
  /** 0.0.0.0/0 for the default route. */
  to: Subnet;
  /** The index of the device. */
  device?: number;
  /** The next host. */
  gateway?: string;
}

/** Reads the kernel's description of a route; null if it is no way to a network. */
export function parseRoute(
  { front, attributes }: NetlinkMessage<ParsedAttribute>,
): Route | null {
  const [family, bits = 0, , , , , , type] = front;
  if (family !== AF_INET || type !== RTN_UNICAST) return null;
  const to = valueOf(attributes, RTA_DST);
  const device = valueOf(attributes, RTA_OIF);
  const gateway = valueOf(attributes, RTA_GATEWAY);
  return {
    to: { address: to ? addressText(to) : "0.0.0.0", bits },
    ...device ? { device: viewOf(device).getUint32(0, true) } : {},
    ...gateway ? { gateway: addressText(gateway) } : {},
  };
}

/**
 * The networks to which the host has a route. No container network may hide one.
 * Runs on the host.
 *
 * @module
 */

import { Netlink } from "../netlink/socket.ts";
import type { UsedSubnet } from "../records/pools.ts";
import { linkFront, parseLink, RTM_LINK } from "../rtnetlink/links.ts";
import { parseRoute, routeFront, RTM_ROUTE } from "../rtnetlink/routes.ts";

/** The size of the largest packet of Ethernet. */
const ETHERNET_MTU = 1500;

/**
 * The subnets that the host reaches, with the name of the device.
 *
 * @param own the names of our bridges, whose routes do not count
 */
export function routedSubnets(own: readonly string[]): UsedSubnet[] {
  using netlink = new Netlink();
  const names = new Map(
    linksOf(netlink).map(({ index, name }) => [index, name]),
  );
  return netlink.list(RTM_ROUTE.RTM_GETROUTE, routeFront()).flatMap((one) => {
    const route = parseRoute(one);
    const name = names.get(route?.device ?? 0);
    if (!route || !route.to.bits || name === undefined || own.includes(name)) {
      return [];
    }
    return [{ subnet: route.to, by: `a route through ${name}` }];
  });
}

/** All devices. */
export const linksOf = (netlink: Netlink) =>
  netlink.list(RTM_LINK.RTM_GETLINK, linkFront()).map(parseLink);

/** The largest packet that the way out takes. */
export function mtuOfWayOut(netlink: Netlink): number {
  const route = netlink.list(RTM_ROUTE.RTM_GETROUTE, routeFront())
    .flatMap((one) => parseRoute(one) ?? []).find(({ to }) => !to.bits);
  const link = linksOf(netlink).find(({ index }) => index === route?.device);
  return link?.mtu ?? ETHERNET_MTU;
}

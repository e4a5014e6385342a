/**
 * The bridges of networks, and the devices of containers. Runs on the host.
 *
 * @module
 */

import { SyscallError } from "../../ffi/errno.ts";
import { type Descriptor, O, open } from "../../ffi/fcntl.ts";
import { ContainerError } from "../../spec/errors.ts";
import { Netlink } from "../netlink/socket.ts";
import type { Member } from "../records/leases.ts";
import { macOf, type NetworkRecord } from "../records/record.ts";
import { textOrNull } from "../records/files.ts";
import { newAddress, newAddress6 } from "../rtnetlink/addresses.ts";
import {
  deleteLink,
  getLink,
  isolatePort,
  type Link,
  newBridge,
  newVeth,
  parseLink,
  RTM_LINK,
  setUp,
} from "../rtnetlink/links.ts";
import { newDefaultRoute, newDefaultRoute6 } from "../rtnetlink/routes.ts";
import { linksOf, mtuOfWayOut } from "./host_routes.ts";

/** The device with a name; null if there is none. */
export function findLink(netlink: Netlink, name: string): Link | null {
  try {
    return parseLink(netlink.get(RTM_LINK.RTM_GETLINK, getLink(name)));
  } catch (error) {
    if (isCode(error, "ENODEV")) return null;
    throw error;
  }
}

const isCode = (error: unknown, code: string) =>
  error instanceof SyscallError && error.code === code;

/** Makes a change; nothing happens if it has been made. */
function ensure(netlink: Netlink, change: Parameters<Netlink["change"]>[0]) {
  try {
    netlink.change(change);
  } catch (error) {
    if (!isCode(error, "EEXIST")) throw error;
  }
}

/**
 * Makes the bridge of a network with its address, unless it is there.
 *
 * @throws {ContainerError} if another device has its name
 */
export function raiseBridge(netlink: Netlink, record: NetworkRecord): Link {
  const { bridge: name, gateway, subnet } = record;
  const there = findLink(netlink, name);
  if (!there) {
    ensure(
      netlink,
      newBridge({
        name,
        // Otherwise it changes with the devices of the containers.
        mac: macOf(gateway),
        mtu: record.mtu ?? mtuOfWayOut(netlink),
      }),
    );
  }
  const link = there ?? findLink(netlink, name);
  if (link?.kind !== "bridge") {
    throw new ContainerError(
      `Cannot make the bridge ${name} of the network ${record.name}: another device has this name`,
      { hint: "See ip link. Remove the device, or create another network." },
    );
  }
  if (!link.up) netlink.change(setUp(link.index));
  ensure(
    netlink,
    newAddress(link.index, { address: gateway, bits: subnet.bits }),
  );
  if (record.ipv6) {
    const { gateway, subnet } = record.ipv6;
    allowIpv6(name);
    ensure(
      netlink,
      newAddress6(link.index, { address: gateway, bits: subnet.bits }),
    );
  }
  return link;
}

/** Hosts may have switched IPv6 off for all new devices. */
function allowIpv6(device: string): void {
  const path = `/proc/sys/net/ipv6/conf/${device}/disable_ipv6`;
  if (textOrNull(path)?.trim() === "1") Deno.writeTextFileSync(path, "0");
}

/** Removes the bridge of a network, if it is there. */
export function removeBridge(
  netlink: Netlink,
  { bridge }: NetworkRecord,
): void {
  if (findLink(netlink, bridge)?.kind === "bridge") {
    netlink.change(deleteLink(bridge));
  }
}

/** A device of a container. */
export interface Attachment {
  /** Its name inside. */
  device: string;
  member: Pick<Member, "address" | "address6" | "mac">;
  /** Whether everything else is reached through this network. */
  isWayOut: boolean;
}

/**
 * Connects a process's network namespace with a bridge: a pair of devices, the
 * address, and the route.
 */
export function attachProcess(
  pid: number,
  record: NetworkRecord,
  { device, member, isWayOut }: Attachment,
): void {
  using namespace = open(`/proc/${pid}/ns/net`, O.O_RDONLY);
  using netlink = new Netlink();
  const bridge = findLink(netlink, record.bridge) ??
    raiseBridge(netlink, record);
  const name = `veth${crypto.getRandomValues(new Uint8Array(4)).toHex()}`;
  netlink.change(newVeth(
    { name, master: bridge.index, mtu: bridge.mtu },
    { name: device, mac: member.mac, mtu: bridge.mtu, namespace: namespace.fd },
  ));
  if (!record.icc) {
    netlink.change(isolatePort(findLink(netlink, name)!.index));
  }
  try {
    configure(namespace, record, { device, member, isWayOut });
  } catch (error) {
    netlink.change(deleteLink(name));
    throw error;
  }
}

/**
 * Removes the device of a network from a process's network namespace. The kernel
 * removes the other end, and the routes.
 *
 * @param mac the device's hardware address; null if it is not known any more
 * @param gateways the default routes are to be by these addresses
 */
export function detachProcess(
  pid: number,
  mac: string | null,
  { gateway, gateway6 }: { gateway: string | null; gateway6?: string },
): void {
  using inside = within(pid);
  const link = linksOf(inside).find((one) => one.mac === mac);
  if (link) inside.change(deleteLink(link.name));
  if (gateway !== null) ensure(inside, newDefaultRoute(gateway));
  if (gateway6 !== undefined) ensure(inside, newDefaultRoute6(gateway6));
}

/** The first `ethN` that a process's network namespace has no device for. */
export function freeDevice(pid: number): string {
  using inside = within(pid);
  const names = new Set(linksOf(inside).map(({ name }) => name));
  let number = 0;
  while (names.has(`eth${number}`)) number++;
  return `eth${number}`;
}

function within(pid: number): Netlink {
  using namespace = open(`/proc/${pid}/ns/net`, O.O_RDONLY);
  return Netlink.within(namespace);
}

function configure(
  namespace: Descriptor,
  { gateway, subnet, ipv6 }: NetworkRecord,
  { device, member, isWayOut }: Attachment,
): void {
  using inside = Netlink.within(namespace);
  const { index } = findLink(inside, device)!;
  inside.change(
    newAddress(index, { address: member.address, bits: subnet.bits }),
  );
  inside.change(setUp(index));
  if (isWayOut) inside.change(newDefaultRoute(gateway));
  if (!ipv6 || member.address6 === undefined) return;
  inside.change(
    newAddress6(index, { address: member.address6, bits: ipv6.subnet.bits }),
  );
  if (isWayOut) inside.change(newDefaultRoute6(ipv6.gateway));
}

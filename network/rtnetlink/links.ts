/**
 * Messages of rtnetlink(7) about network devices: bridges, pairs of virtual
 * Ethernet devices, and their state. Pure.
 *
 * @module
 */

import {
  type Attribute,
  byte,
  type Change,
  encodeAttributes,
  type NetlinkMessage,
  NLM,
  parseAttributes,
  type ParsedAttribute,
  text,
  textOf,
  valueOf,
  viewOf,
  word,
} from "../netlink/message.ts";

/** Messages of linux/rtnetlink.h about devices. */
export const RTM_LINK = {
  RTM_NEWLINK: 16,
  RTM_DELLINK: 17,
  RTM_GETLINK: 18,
} as const;

/** Attributes of a device, linux/if_link.h. */
export const IFLA = {
  IFLA_ADDRESS: 1,
  IFLA_IFNAME: 3,
  IFLA_MTU: 4,
  IFLA_MASTER: 10,
  IFLA_LINKINFO: 18,
  IFLA_NET_NS_FD: 28,
} as const;

const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const IFLA_BRPORT_ISOLATED = 33;
const VETH_INFO_PEER = 1;
const IFF_UP = 1;
/** The size of struct ifinfomsg. */
export const LINK_FRONT = 16;

/** A hardware address, as `02:42:ac:11:00:02` and as bytes. */
export const macBytes = (mac: string): Uint8Array =>
  new Uint8Array(mac.split(":").map((part) => parseInt(part, 16)));

/** struct ifinfomsg of rtnetlink(7). */
export function linkFront(index = 0, flags = 0, change = 0): Uint8Array {
  const bytes = new Uint8Array(LINK_FRONT);
  const view = viewOf(bytes);
  view.setInt32(4, index, true);
  view.setUint32(8, flags, true);
  view.setUint32(12, change, true);
  return bytes;
}

/** What a new device can be given. */
export interface LinkOptions {
  name: string;
  /** The hardware address; by default the kernel makes one. */
  mac?: string;
  /** The size of the largest packet; by default 1500. */
  mtu?: number;
}

const common = ({ name, mac, mtu }: LinkOptions): Attribute[] => [
  [IFLA.IFLA_IFNAME, text(name)],
  ...mac === undefined
    ? []
    : [[IFLA.IFLA_ADDRESS, macBytes(mac)] satisfies Attribute],
  ...mtu === undefined ? [] : [[IFLA.IFLA_MTU, word(mtu)] satisfies Attribute],
];

const newLink = (front: Uint8Array, attributes: Attribute[]): Change => ({
  type: RTM_LINK.RTM_NEWLINK,
  flags: NLM.NLM_F_CREATE | NLM.NLM_F_EXCL,
  front,
  attributes,
});

/** Makes a bridge, which is up. */
export const newBridge = (options: LinkOptions): Change =>
  newLink(linkFront(0, IFF_UP, IFF_UP), [
    ...common(options),
    [IFLA.IFLA_LINKINFO, [[IFLA_INFO_KIND, text("bridge")]]],
  ]);

/**
 * Makes a pair of devices: one here, which is up and part of a bridge, and its
 * peer in another network namespace.
 */
export const newVeth = (
  here: LinkOptions & { master: number },
  peer: LinkOptions & { namespace: number },
): Change =>
  newLink(linkFront(0, IFF_UP, IFF_UP), [
    ...common(here),
    [IFLA.IFLA_MASTER, word(here.master)],
    [IFLA.IFLA_LINKINFO, [
      [IFLA_INFO_KIND, text("veth")],
      [IFLA_INFO_DATA, [[
        VETH_INFO_PEER,
        encodeAttributes(linkFront(), [
          ...common(peer),
          [IFLA.IFLA_NET_NS_FD, word(peer.namespace)],
        ]),
      ]]],
    ]],
  ]);

/** Keeps a device of a bridge from reaching the bridge's other devices. */
export const isolatePort = (index: number): Change => ({
  type: RTM_LINK.RTM_NEWLINK,
  front: linkFront(index),
  attributes: [[IFLA.IFLA_LINKINFO, [
    [IFLA_INFO_SLAVE_KIND, text("bridge")],
    [IFLA_INFO_SLAVE_DATA, [[IFLA_BRPORT_ISOLATED, byte(1)]]],
  ]]],
});

/** Switches a device on or off. */
export const setUp = (index: number, up = true): Change => ({
  type: RTM_LINK.RTM_NEWLINK,
  front: linkFront(index, up ? IFF_UP : 0, IFF_UP),
  attributes: [],
});

/** Removes a device, and its peer if it has one. */
export const deleteLink = (name: string): Change => ({
  type: RTM_LINK.RTM_DELLINK,
  front: linkFront(),
  attributes: [[IFLA.IFLA_IFNAME, text(name)]],
});

/** Asks for the device with a name. */
export const getLink = (name: string): NetlinkMessage => ({
  front: linkFront(),
  attributes: [[IFLA.IFLA_IFNAME, text(name)]],
});

/** A device, as the kernel describes it. */
export interface Link {
  index: number;
  name: string;
  up: boolean;
  mtu: number;
  /** The hardware address; absent for a device without one. */
  mac?: string;
  /** The kind of a virtual device, for example `bridge`. */
  kind?: string;
  /** The index of the bridge that it is part of. */
  master?: number;
}

/** Reads the kernel's description of a device. */
export function parseLink(
  { front, attributes }: NetlinkMessage<ParsedAttribute>,
): Link {
  const view = viewOf(front);
  const number = (type: number) => {
    const value = valueOf(attributes, type);
    return value && viewOf(value).getUint32(0, true);
  };
  const mac = valueOf(attributes, IFLA.IFLA_ADDRESS);
  const info = valueOf(attributes, IFLA.IFLA_LINKINFO);
  const kind = info && valueOf(parseAttributes(info), IFLA_INFO_KIND);
  const master = number(IFLA.IFLA_MASTER);
  return {
    index: view.getInt32(4, true),
    name: textOf(
      valueOf(attributes, IFLA.IFLA_IFNAME) ?? new Uint8Array(),
    ),
    up: Boolean(view.getUint32(8, true) & IFF_UP),
    mtu: number(IFLA.IFLA_MTU) ?? 0,
    ...mac?.length ? { mac: macText(mac) } : {},
    ...kind ? { kind: textOf(kind) } : {},
    ...master ? { master } : {},
  };
}

const macText = (bytes: Uint8Array) =>
  [...bytes].map((part) => part.toString(16).padStart(2, "0")).join(":");

/**
 * Connections that the kernel follows, nf_conntrack_netlink: those that led to a
 * port that is no longer published are deleted, or the next packet of the same
 * client would still go there. Runs on the host.
 *
 * @module
 */

import { SyscallError } from "../../ffi/errno.ts";
import type { PortProtocol } from "../../plan/ports.ts";
import { addressBytes, addressText } from "../address.ts";
import {
  type Attribute,
  byte,
  parseAttributes,
  valueOf,
  viewOf,
  word,
} from "../netlink/message.ts";
import type { Netlink } from "../netlink/socket.ts";

const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_GET = NFNL_SUBSYS_CTNETLINK << 8 | 1;
const IPCTNL_MSG_CT_DELETE = NFNL_SUBSYS_CTNETLINK << 8 | 2;
const NFPROTO_IPV4 = 2;

const CTA = {
  CTA_TUPLE_ORIG: 1,
  CTA_TUPLE_REPLY: 2,
  CTA_ID: 12,
  CTA_FILTER: 25,
} as const;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP_V4_SRC = 1;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;
const CTA_PROTO_DST_PORT = 3;
const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
/** The kernel compares the source address of the tuple. */
const FILTER_IP_SRC = 1;
/** The kernel compares the protocol of the tuple. */
const FILTER_PROTO_NUM = 8;

/** The numbers of protocols, /etc/protocols. */
export const PROTOCOL_NUMBER: Readonly<Record<PortProtocol, number>> = {
  tcp: 6,
  udp: 17,
  sctp: 132,
};

/** The fields of a tuple that matter here. */
interface Tuple {
  source: string;
  protocol: number;
  sourcePort: number;
  destinationPort: number;
}

function tupleOf(bytes: Uint8Array | undefined): Tuple {
  const parts = parseAttributes(bytes ?? new Uint8Array());
  const address = parseAttributes(
    valueOf(parts, CTA_TUPLE_IP) ?? new Uint8Array(),
  );
  const fields = parseAttributes(
    valueOf(parts, CTA_TUPLE_PROTO) ?? new Uint8Array(),
  );
  const port = (type: number) => {
    const value = valueOf(fields, type);
    return value ? viewOf(value).getUint16(0) : 0;
  };
  return {
    source: addressText(valueOf(address, CTA_IP_V4_SRC) ?? new Uint8Array()),
    protocol: valueOf(fields, CTA_PROTO_NUM)?.[0] ?? 0,
    sourcePort: port(CTA_PROTO_SRC_PORT),
    destinationPort: port(CTA_PROTO_DST_PORT),
  };
}

/** Deletes the connections that a filter of the kernel and a test choose. */
function forget(
  netlink: Netlink,
  filter: readonly Attribute[],
  matches: (original: Tuple, reply: Tuple) => boolean,
): void {
  // To list them, the kernel walks its whole table, which takes some 10 ms.
  if (!followsAny()) return;
  const front = new Uint8Array([NFPROTO_IPV4, 0, 0, 0]);
  for (const found of listed(netlink, front, filter)) {
    const original = valueOf(found.attributes, CTA.CTA_TUPLE_ORIG);
    const reply = valueOf(found.attributes, CTA.CTA_TUPLE_REPLY);
    const id = valueOf(found.attributes, CTA.CTA_ID);
    if (!original || !matches(tupleOf(original), tupleOf(reply))) continue;
    try {
      netlink.change({
        type: IPCTNL_MSG_CT_DELETE,
        front,
        attributes: [
          [CTA.CTA_TUPLE_ORIG, nested(original)],
          ...id ? [[CTA.CTA_ID, id] as const] : [],
        ],
      });
    } catch (error) {
      // It has ended by itself.
      if (!(error instanceof SyscallError) || error.code !== "ENOENT") {
        throw error;
      }
    }
  }
}

/** Whether the kernel follows any connection of this network namespace. */
function followsAny(): boolean {
  try {
    const path = "/proc/sys/net/netfilter/nf_conntrack_count";
    return Deno.readTextFileSync(path).trim() !== "0";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    throw error;
  }
}

function listed(
  netlink: Netlink,
  front: Uint8Array,
  filter: readonly Attribute[],
) {
  try {
    return netlink.list(IPCTNL_MSG_CT_GET, front, filter);
  } catch (error) {
    // No kernel with nf_tables and NAT lacks it in practice, but it is a module
    // of its own.
    if (error instanceof SyscallError && /EINVAL|EOPNOTSUPP/.test(error.code)) {
      return [];
    }
    throw error;
  }
}

/** Attributes of an answer, as attributes of a request. */
const nested = (bytes: Uint8Array): Attribute[] =>
  parseAttributes(bytes).map(([type, value]): Attribute => [
    type,
    parseAttributes(value),
  ]);

/** Forgets the connections that the firewall has sent to a container's ports. */
export function forgetAnswered(
  netlink: Netlink,
  address: string,
  ports: readonly { protocol: PortProtocol; port: number }[],
): void {
  const known = new Set(
    ports.map(({ protocol, port }) => `${PROTOCOL_NUMBER[protocol]} ${port}`),
  );
  forget(
    netlink,
    [
      [CTA.CTA_FILTER, [
        [CTA_FILTER_ORIG_FLAGS, word(0)],
        [CTA_FILTER_REPLY_FLAGS, word(FILTER_IP_SRC)],
      ]],
      [CTA.CTA_TUPLE_REPLY, [
        [CTA_TUPLE_IP, [[CTA_IP_V4_SRC, addressBytes(address)]]],
      ]],
    ],
    (_, reply) =>
      reply.source === address &&
      known.has(`${reply.protocol} ${reply.sourcePort}`),
  );
}

/**
 * Forgets the datagrams that clients have sent to ports before these were
 * published: only the first packet of a connection is looked up in a map.
 */
export function forgetAsked(
  netlink: Netlink,
  ports: readonly { protocol: PortProtocol; hostPort: number }[],
): void {
  const asked = new Set(
    ports.filter(({ protocol }) => protocol === "udp")
      .map(({ hostPort }) => hostPort),
  );
  if (!asked.size) return;
  const { udp } = PROTOCOL_NUMBER;
  forget(
    netlink,
    [
      [CTA.CTA_FILTER, [
        [CTA_FILTER_ORIG_FLAGS, word(FILTER_PROTO_NUM)],
        [CTA_FILTER_REPLY_FLAGS, word(0)],
      ]],
      [CTA.CTA_TUPLE_ORIG, [
        [CTA_TUPLE_PROTO, [[CTA_PROTO_NUM, byte(udp)]]],
      ]],
    ],
    (original) =>
      original.protocol === udp && asked.has(original.destinationPort),
  );
}

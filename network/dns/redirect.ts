/**
 * The rules in a container's own network namespace that lead queries for
 * 127.0.0.11 port 53 to the resolver's sockets, which have other ports: so a
 * container can run a server at port 53. They change the packets themselves
 * and need no connection tracking. Pure.
 *
 * @module
 */

import { RESOLVER_ADDRESS } from "../../plan/resolver.ts";
import { addressBytes } from "../address.ts";
import {
  type Attribute,
  type Change,
  networkShort,
} from "../netlink/message.ts";
import {
  compare,
  meta,
  payload,
  replacePort,
} from "../nf_tables/expressions.ts";
import {
  deleteTable,
  newChain,
  newRule,
  newTable,
  type Table,
} from "../nf_tables/messages.ts";

const TABLE: Table = { family: "ip", name: "container_names" };
const PROTOCOLS = { udp: 17, tcp: 6 } as const;
const DNS_PORT = 53;
/**
 * A query is changed before connections are tracked, an answer after that: so
 * both belong to the same connection.
 */
const PRIORITY = { query: -300, answer: -150 } as const;

/** The ports of the resolver's sockets. */
export interface ResolverPorts {
  udp: number;
  tcp: number;
}

const change = (
  side: "saddr" | "daddr",
  protocol: keyof typeof PROTOCOLS,
  [from, to]: readonly [number, number],
): Attribute[] => {
  const field = side === "saddr" ? "sport" : "dport";
  return [
    payload(side),
    compare("is", addressBytes(RESOLVER_ADDRESS)),
    meta("l4proto"),
    compare("is", new Uint8Array([PROTOCOLS[protocol]])),
    payload(field),
    compare("is", networkShort(from)),
    ...replacePort(field, protocol, to),
  ];
};

/** Makes the rules. The table must not exist. */
export const redirectQueries = (ports: ResolverPorts): Change[] => [
  newTable(TABLE, { exclusive: true }),
  ...(["query", "answer"] as const).map((name) =>
    newChain(TABLE, name, {
      type: "filter",
      hook: "output",
      priority: PRIORITY[name],
    })
  ),
  ...(["udp", "tcp"] as const).flatMap((protocol) => [
    newRule(
      TABLE,
      "query",
      change("daddr", protocol, [DNS_PORT, ports[protocol]]),
    ),
    newRule(
      TABLE,
      "answer",
      change("saddr", protocol, [ports[protocol], DNS_PORT]),
    ),
  ]),
];

/** Makes the rules again, for other ports. */
export const redirectAgain = (ports: ResolverPorts): Change[] => [
  deleteTable(TABLE),
  ...redirectQueries(ports),
];

/**
 * The chains of all tables, others' included, as nf_tables describes them. Pure.
 *
 * @module
 */

import {
  type NetlinkMessage,
  parseAttributes,
  type ParsedAttribute,
  textOf,
  valueOf,
  viewOf,
} from "../netlink/message.ts";
import {
  NF,
  NFNL_SUBSYS_NFTABLES,
  NFTA_CHAIN_HOOK,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_POLICY,
  NFTA_CHAIN_TABLE,
  NFTA_HOOK_HOOKNUM,
} from "./messages.ts";

const NFT_MSG_GETCHAIN = 4;

/** The families of a table, linux/netfilter.h. */
const NFPROTO: Readonly<Record<number, string>> = {
  1: "inet",
  2: "ip",
  10: "ip6",
};

/** The number of the hook, linux/netfilter.h. */
const NF_INET_FORWARD = 2;

/** A chain. */
export interface Chain {
  family: string;
  table: string;
  name: string;
  /** Whether what the host passes on goes through it. */
  forwards: boolean;
  policy: "drop" | "accept";
}

/** Asks for the chains of all tables. It is no part of a batch. */
export const getChains = (): { type: number; front: Uint8Array } => ({
  type: NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN,
  front: new Uint8Array(4),
});

/** Reads the kernel's description of a chain. */
export function parseChain(
  { front, attributes }: NetlinkMessage<ParsedAttribute>,
): Chain {
  const number = (bytes: Uint8Array | undefined) =>
    bytes && viewOf(bytes).getUint32(0);
  const word = (type: number) =>
    textOf(valueOf(attributes, type) ?? new Uint8Array());
  const inside = valueOf(attributes, NFTA_CHAIN_HOOK);
  const hooked = inside &&
    number(valueOf(parseAttributes(inside), NFTA_HOOK_HOOKNUM));
  return {
    family: NFPROTO[front[0] ?? 0] ?? String(front[0]),
    table: word(NFTA_CHAIN_TABLE),
    name: word(NFTA_CHAIN_NAME),
    forwards: hooked === NF_INET_FORWARD,
    policy: number(valueOf(attributes, NFTA_CHAIN_POLICY)) === NF.NF_DROP
      ? "drop"
      : "accept",
  };
}

/**
 * Our table in the host's firewall. If somebody else has flushed it, the next
 * container that joins a network makes it again. Runs on the host.
 *
 * @module
 */

import { SyscallError } from "../../ffi/errno.ts";
import { ContainerError } from "../../spec/errors.ts";
import type { Change, NetlinkMessage } from "../netlink/message.ts";
import { Netlink } from "../netlink/socket.ts";
import {
  addNetwork,
  getNetwork,
  makeTable,
  remakeTable,
  removeNetwork,
} from "../nf_tables/firewall.ts";
import {
  addNetwork6,
  getNetwork6,
  makeTable6,
  remakeTable6,
  removeNetwork6,
} from "../nf_tables/firewall6.ts";
import { batchOf } from "../nf_tables/messages.ts";
import type { NetworkRecord } from "../records/record.ts";

/** A table by the messages that change it. */
interface Rules {
  make: () => Change[];
  remake: () => Change[];
  add: (record: NetworkRecord) => Change[];
  remove: (record: NetworkRecord) => Change[];
  get: (record: NetworkRecord) => NetlinkMessage & { type: number };
  /** Whether a network is in it. */
  has: (record: NetworkRecord) => boolean;
}

const IPV4: Rules = {
  make: makeTable,
  remake: remakeTable,
  add: addNetwork,
  remove: removeNetwork,
  get: getNetwork,
  has: () => true,
};

const IPV6: Rules = {
  make: makeTable6,
  remake: remakeTable6,
  add: addNetwork6,
  remove: removeNetwork6,
  get: getNetwork6,
  has: ({ ipv6 }) => ipv6 !== undefined,
};

/**
 * Adds a network to the tables, which are made if they are missing.
 *
 * @returns whether the table with the published ports has been made, without
 * them
 */
export function filterNetwork(
  record: NetworkRecord,
  others: () => readonly NetworkRecord[],
): boolean {
  using netlink = openNetfilter();
  if (record.ipv6) addTo(IPV6, netlink, record, others);
  return addTo(IPV4, netlink, record, others);
}

function addTo(
  rules: Rules,
  netlink: Netlink,
  record: NetworkRecord,
  others: () => readonly NetworkRecord[],
): boolean {
  if (isFiltered(rules, netlink, record)) return false;
  const all = [record, ...others().filter(({ id }) => id !== record.id)]
    .filter(rules.has);
  // Another command may be making it.
  if (attempt(netlink, [...rules.make(), ...all.flatMap(rules.add)])) {
    return true;
  }
  attempt(netlink, rules.add(record));
  return false;
}

/** Makes the tables again, with these networks and without published ports. */
export function refilter(records: readonly NetworkRecord[]): void {
  using netlink = openNetfilter();
  for (const rules of [IPV4, IPV6]) {
    const all = records.filter(rules.has);
    if (rules === IPV6 && !all.length) continue;
    netlink.batch(batchOf([...rules.remake(), ...all.flatMap(rules.add)]));
  }
}

/** Removes a network from the tables. Nothing happens if it is not in them. */
export function unfilterNetwork(record: NetworkRecord): void {
  using netlink = openNetfilter();
  for (const rules of [IPV4, IPV6]) {
    if (rules.has(record) && isFiltered(rules, netlink, record)) {
      netlink.batch(batchOf(rules.remove(record)));
    }
  }
}

function openNetfilter(): Netlink {
  try {
    return new Netlink("netfilter");
  } catch (cause) {
    if (!(cause instanceof SyscallError)) throw cause;
    throw new ContainerError(
      "Cannot use networks: this kernel has no nf_tables",
      {
        hint:
          "It needs CONFIG_NF_TABLES, CONFIG_NFT_NAT and CONFIG_NFT_MASQ. Use --network none or host.",
        cause,
      },
    );
  }
}

function isFiltered(
  rules: Rules,
  netlink: Netlink,
  record: NetworkRecord,
): boolean {
  const { type, ...message } = rules.get(record);
  try {
    netlink.get(type, message);
    return true;
  } catch (error) {
    if (error instanceof SyscallError && error.code === "ENOENT") return false;
    throw error;
  }
}

/** Carries out changes; false if something exists already. */
function attempt(netlink: Netlink, changes: readonly Change[]): boolean {
  try {
    netlink.batch(batchOf(changes));
    return true;
  } catch (error) {
    if (error instanceof SyscallError && error.code === "EEXIST") return false;
    throw error;
  }
}

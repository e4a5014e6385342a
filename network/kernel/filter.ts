/**
 * Our table in the host's firewall. If somebody else has flushed it, the next
 * container that joins a network makes it again. Runs on the host.
 *
 * @module
 */

import { SyscallError } from "../../ffi/errno.ts";
import { ContainerError } from "../../spec/errors.ts";
import type { Change } from "../netlink/message.ts";
import { Netlink } from "../netlink/socket.ts";
import {
  addNetwork,
  getNetwork,
  makeTable,
  remakeTable,
  removeNetwork,
} from "../nf_tables/firewall.ts";
import { batchOf } from "../nf_tables/messages.ts";
import type { NetworkRecord } from "../records/record.ts";

/**
 * Adds a network to the table, which is made if it is missing.
 *
 * @returns whether the table has been made, without published ports
 */
export function filterNetwork(
  record: NetworkRecord,
  others: () => readonly NetworkRecord[],
): boolean {
  using netlink = openNetfilter();
  if (isFiltered(netlink, record)) return false;
  const all = [record, ...others().filter(({ id }) => id !== record.id)];
  // Another command may be making it.
  if (attempt(netlink, [...makeTable(), ...all.flatMap(addNetwork)])) {
    return true;
  }
  attempt(netlink, addNetwork(record));
  return false;
}

/** Makes the table again, with these networks and without published ports. */
export function refilter(records: readonly NetworkRecord[]): void {
  using netlink = openNetfilter();
  netlink.batch(batchOf([...remakeTable(), ...records.flatMap(addNetwork)]));
}

/** Removes a network from the table. Nothing happens if it is not in it. */
export function unfilterNetwork(record: NetworkRecord): void {
  using netlink = openNetfilter();
  if (isFiltered(netlink, record)) {
    netlink.batch(batchOf(removeNetwork(record)));
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

function isFiltered(netlink: Netlink, record: NetworkRecord): boolean {
  const { type, ...message } = getNetwork(record);
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

/**
 * Makes again what others have removed from the host: the firewall's table, the
 * published ports, bridges, ip_forward and names. Runs on the host, in the
 * command that mends.
 */

import { raiseBridge } from "../../network/kernel/bridges.ts";
import { refilter } from "../../network/kernel/filter.ts";
import { allowForwarding } from "../../network/kernel/forwarding.ts";
import { Netlink } from "../../network/netlink/socket.ts";
import { republishPorts } from "../../network/ports/republish.ts";
import { lockFile } from "../../network/records/files.ts";
import { renewHosts } from "../../network/records/hosts.ts";
import { membersOf } from "../../network/records/leases.ts";
import { Networks } from "../../network/records/networks.ts";
import { bootId } from "./owner.ts";
import { portsBeside } from "./networks.ts";

/**
 * Makes everything of the networks that containers are in again.
 *
 * @param directory the directory of everything about networks
 * @returns the IDs of the containers
 */
export function reloadNetworks(directory: string): string[] {
  const records = `${directory}/records`;
  const boot = bootId() ?? "";
  const networks = new Networks(records);
  const used = networks.list().map((record) => ({
    record,
    members: membersOf(networks.directoryOf(record.id), boot),
  })).filter(({ members }) => members.length);
  if (!used.length) return [];
  {
    using netlink = new Netlink();
    for (const { record } of used) raiseBridge(netlink, record);
  }
  refilter(networks.list());
  republishPorts(portsBeside(records), boot);
  if (used.some(({ record }) => !record.internal)) {
    const note = `${directory}/forwarding`;
    using _lock = lockFile(`${note}.lock`);
    allowForwarding(
      note,
      boot,
      used.some(({ record }) => !record.internal && record.ipv6),
    );
  }
  const ids = new Set(
    used.flatMap(({ members }) => members.map(({ container }) => container)),
  );
  for (const id of ids) renewHosts(`${directory}/hosts/${id}`);
  return [...ids];
}

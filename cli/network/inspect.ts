/** `container network inspect`. */

import { subnetText } from "../../network/address.ts";
import { membersOf } from "../../network/records/leases.ts";
import type { Networks } from "../../network/records/networks.ts";
import type { NetworkRecord } from "../../plan/network.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { INSPECT_FORMAT, printInspected, requireJson } from "../each_word.ts";
import { parseFlagsAndNames } from "../flags.ts";
import { findNetwork, openNetworks, thisBoot } from "./open.ts";

/** Everything that is known of a network, in docker's structure. */
function asInspected(networks: Networks, record: NetworkRecord) {
  const { subnet, gateway, ipv6, range, internal, options, labels } = record;
  const members = membersOf(networks.directoryOf(record.id), thisBoot());
  return {
    Name: record.name,
    Id: record.id,
    Created: record.created,
    Scope: "local",
    Driver: record.driver,
    EnableIPv6: Boolean(ipv6),
    IPAM: {
      Driver: "default",
      Options: {},
      Config: [
        {
          Subnet: subnetText(subnet),
          ...range ? { IPRange: subnetText(range) } : {},
          Gateway: gateway,
        },
        ...ipv6
          ? [{ Subnet: subnetText(ipv6.subnet), Gateway: ipv6.gateway }]
          : [],
      ],
    },
    Internal: internal,
    Attachable: true,
    Ingress: false,
    Containers: Object.fromEntries(
      members.map(({ container, name, address, address6, mac }) => [container, {
        Name: name,
        MacAddress: mac,
        IPv4Address: `${address}/${subnet.bits}`,
        IPv6Address: address6 === undefined
          ? ""
          : `${address6}/${ipv6?.subnet.bits}`,
      }]),
    ),
    Options: options,
    Labels: labels,
    ...record.dns ? { DNS: record.dns } : {},
    Bridge: record.bridge,
  };
}

/** Prints everything that is known of networks. */
export const networkInspectCommand: Command = {
  name: "network inspect",
  summary: "Print details of networks, as JSON",
  usage: "NETWORK…",
  flags: [INSPECT_FORMAT],
  examples: [
    ["sudo container network inspect blue", "an array, in docker's format"],
  ],
  execute(argv) {
    const flags = parseFlagsAndNames(
      this.flags,
      argv,
      "container network inspect",
    );
    requireJson(flags);
    const networks = openNetworks();
    return printInspected(
      networksOf(flags.rest, "inspect"),
      (word) => asInspected(networks, findNetwork(networks, word)),
    );
  },
};

/**
 * The words that name networks; there must be one.
 *
 * @throws {UsageError}
 */
export function networksOf(
  words: readonly string[],
  command: string,
): readonly string[] {
  if (words.length) return words;
  throw new UsageError(
    `container network ${command} needs a network`,
    "Give its name or its ID; `container network ls` lists them.",
  );
}

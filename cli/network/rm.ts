/** `container network rm` and `container network prune`. */

import { removeBridge } from "../../network/kernel/bridges.ts";
import { unfilterNetwork } from "../../network/kernel/filter.ts";
import { Netlink } from "../../network/netlink/socket.ts";
import { membersOf } from "../../network/records/leases.ts";
import type { Networks } from "../../network/records/networks.ts";
import { DEFAULT_NETWORK } from "../../network/records/record.ts";
import type { NetworkRecord } from "../../plan/network.ts";
import { ContainerError, UsageError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { forEachWord } from "../each_word.ts";
import { asksJson, FORMAT } from "../daily/format.ts";
import { globals } from "../oci/global.ts";
import { leaveEnded } from "../../containers/daily/change_networks.ts";
import {
  type Flag,
  parseFlags,
  parseFlagsAndNames,
  takeNoWords,
} from "../flags.ts";
import { print } from "../output.ts";
import { parseNetworkFilters } from "./filters.ts";
import { networksOf } from "./inspect.ts";
import { findNetwork, openNetworks, requireRoot, thisBoot } from "./open.ts";

/**
 * Removes a network with its rules and its bridge. Containers that have ended
 * leave it first, if their keepers were killed.
 */
function remove(networks: Networks, record: NetworkRecord): void {
  const members = membersOf(networks.directoryOf(record.id), thisBoot());
  if (members.length) {
    leaveEnded(globals().store, members.map(({ container }) => container));
  }
  networks.remove(record, thisBoot(), () => {
    unfilterNetwork(record);
    using netlink = new Netlink();
    removeBridge(netlink, record);
  });
}

const RM_FLAGS: readonly Flag[] = [
  {
    name: "force",
    short: "f",
    help: "A network that does not exist is no error",
  },
];

/** Removes networks. */
export const networkRmCommand: Command = {
  name: "network rm",
  summary: "Remove networks that no container uses",
  usage: "[flags] NETWORK…",
  flags: RM_FLAGS,
  examples: [["sudo container network rm blue", "with its bridge"]],
  execute(argv) {
    const flags = parseFlagsAndNames(RM_FLAGS, argv, "container network rm");
    const words = networksOf(flags.rest, "rm");
    requireRoot(`remove the network ${words[0]}`);
    const networks = openNetworks();
    return forEachWord(words, (word) => {
      if (flags.has("force") && !isThere(networks, word)) return;
      const record = findNetwork(networks, word);
      if (record.name === DEFAULT_NETWORK) throw new UsageError(KEPT, CURE);
      remove(networks, record);
      print(word);
    });
  },
};

const KEPT = `Cannot remove the network ${DEFAULT_NETWORK}: it is the default`;
const CURE = "`container network prune` removes its bridge if it is unused.";

function isThere(networks: Networks, word: string): boolean {
  try {
    findNetwork(networks, word);
    return true;
  } catch (error) {
    if (error instanceof ContainerError) return false;
    throw error;
  }
}

const PRUNE_FLAGS: readonly Flag[] = [
  { name: "force", short: "f", help: "Accepted: there is no prompt" },
  {
    name: "filter",
    value: "KEY=VALUE",
    help: "label=K[=V] or until=TIME; repeatable",
  },
  FORMAT,
];

/** Removes every network that no container uses. */
export const networkPruneCommand: Command = {
  name: "network prune",
  summary: "Remove all networks that no container uses",
  usage: "[flags]",
  flags: PRUNE_FLAGS,
  examples: [
    ["sudo container network prune", "with their bridges"],
    ["sudo container network prune --filter until=24h", "old ones"],
  ],
  execute(argv) {
    const flags = parseFlags(PRUNE_FLAGS, argv, "container network prune");
    takeNoWords(flags, "network prune");
    const json = asksJson(flags);
    const fits = parseNetworkFilters(flags.all("filter"), ["label", "until"]);
    requireRoot("remove networks");
    const networks = openNetworks();
    const gone = networks.list().filter((record) =>
      fits(record) &&
      !membersOf(networks.directoryOf(record.id), thisBoot()).length
    );
    for (const record of gone) remove(networks, record);
    const names = gone.map(({ name }) => name)
      .filter((name) => name !== DEFAULT_NETWORK);
    if (json) print(JSON.stringify({ deleted: names }));
    else if (names.length) print(`Deleted Networks:\n${names.join("\n")}`);
    return 0;
  },
};

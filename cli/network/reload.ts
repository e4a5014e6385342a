/** `container network reload`. */

import { findContainer } from "../../containers/daily/names.ts";
import { reloadNetworks } from "../../launch/host/reload_networks.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { type Flag, parseFlagsAndNames } from "../flags.ts";
import { globals } from "../oci/global.ts";
import { print } from "../output.ts";
import { networksDirectory, requireRoot } from "./open.ts";

const FLAGS: readonly Flag[] = [
  { name: "all", short: "a", help: "All containers that are in networks" },
];

/** Makes what others have removed again. */
export const networkReloadCommand: Command = {
  name: "network reload",
  summary: "Make firewall rules, bridges and names of networks again",
  usage: "[flags] [CONTAINER…]",
  flags: FLAGS,
  examples: [
    ["sudo container network reload --all", "after nft flush ruleset"],
  ],
  execute(argv) {
    const flags = parseFlagsAndNames(FLAGS, argv, "container network reload");
    if (!flags.has("all") && !flags.rest.length) {
      throw new UsageError(
        "container network reload needs a container",
        "Name containers, or use --all.",
      );
    }
    requireRoot("reload networks");
    const { store } = globals();
    const named = flags.rest.map((word) => findContainer(store, word));
    // The table is one for all: nothing of others may be missing in it.
    const ids = reloadNetworks(networksDirectory());
    for (const id of ids) {
      if (flags.has("all") || named.includes(id)) print(id);
    }
    return 0;
  },
};

/** The row of the table for the commands of networks. */

import type { Entry } from "../command.ts";

/** The commands for networks. */
export const NETWORK_COMMANDS: readonly Entry[] = [{
  name: "network",
  summary: "Create, list and remove networks of containers",
  load: async () => (await import("./group.ts")).networkCommand,
}];

/** `container network`: the commands for networks. */

import type { Command } from "../command.ts";
import { group, type Load } from "../group.ts";

const ls = async () => (await import("./ls.ts")).networkLsCommand;
const connect = () => import("./connect.ts");
const rm = () => import("./rm.ts");

const MEMBERS: Readonly<Record<string, Load>> = {
  create: async () => (await import("./create.ts")).networkCreateCommand,
  ls,
  list: ls,
  inspect: async () => (await import("./inspect.ts")).networkInspectCommand,
  rm: async () => (await rm()).networkRmCommand,
  remove: async () => (await rm()).networkRmCommand,
  connect: async () => (await connect()).networkConnectCommand,
  disconnect: async () => (await connect()).networkDisconnectCommand,
  reload: async () => (await import("./reload.ts")).networkReloadCommand,
  prune: async () => (await rm()).networkPruneCommand,
};

/** The commands for networks, in one group. */
export const networkCommand: Command = group({
  name: "network",
  summary: "Create, list and remove networks of containers",
  usage: "create|ls|inspect|connect|disconnect|reload|rm|prune [flags] …",
  examples: [
    ["sudo container network create blue", "a bridge with a free subnet"],
    [
      "sudo container run --network blue --name web …",
      "a container that others of blue find as web",
    ],
    ["sudo container network inspect blue", "its addresses and containers"],
    ["sudo container network rm blue", "remove it, with its bridge"],
  ],
}, MEMBERS);

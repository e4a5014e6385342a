/** `container volume`: the group of commands for volumes. */

import type { Command } from "../command.ts";
import { group } from "../group.ts";

const lists = () => import("./list.ts");
const removal = () => import("./remove.ts");

/** The commands for volumes, in one group. */
export const volumeCommand: Command = group({
  name: "volume",
  summary: "Create, list, inspect and remove volumes",
  usage: "create|ls|inspect|rm|prune [flags] …",
  examples: [
    ["sudo container volume create data", "an empty volume"],
    ["sudo container run -v data:/var/lib/app app", "created if it is missing"],
    ["sudo container volume ls", "all volumes"],
    ["sudo container volume rm data", "with everything in it"],
  ],
}, {
  create: async () => (await import("./create.ts")).volumeCreateCommand,
  ls: async () => (await lists()).volumeLsCommand,
  list: async () => (await lists()).volumeLsCommand,
  inspect: async () => (await lists()).volumeInspectCommand,
  rm: async () => (await removal()).volumeRmCommand,
  remove: async () => (await removal()).volumeRmCommand,
  prune: async () => (await removal()).volumePruneCommand,
});

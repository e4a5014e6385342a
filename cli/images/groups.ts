/**
 * The grouped forms of docker and podman: `container image ls`. A group is a
 * command whose first word is another command.
 */

import type { Command } from "../command.ts";
import { group, type Load } from "../group.ts";

const removal = () => import("./rmi.ts");
const details = () => import("./inspect.ts");

const IMAGE: Readonly<Record<string, Load>> = {
  ls: async () => (await import("./images.ts")).imagesCommand,
  list: async () => (await import("./images.ts")).imagesCommand,
  pull: async () => (await import("./pull.ts")).pullCommand,
  push: async () => (await import("./push.ts")).pushCommand,
  save: async () => (await import("./save.ts")).saveCommand,
  load: async () => (await import("./load.ts")).loadCommand,
  rm: async () => (await removal()).rmiCommand,
  remove: async () => (await removal()).rmiCommand,
  tag: async () => (await removal()).tagCommand,
  history: async () => (await details()).historyCommand,
  inspect: async () => (await details()).imageInspectCommand,
  prune: async () => (await removal()).imagePruneCommand,
  import: async () => (await import("./import.ts")).importCommand,
};

const SYSTEM: Readonly<Record<string, Load>> = {
  df: async () => (await import("./system.ts")).systemDfCommand,
  prune: async () => (await import("./system_prune.ts")).systemPruneCommand,
};

/** The commands for images, in one group. */
export const imageCommand: Command = group({
  name: "image",
  summary: "List, inspect, prune and change images",
  usage: "ls|pull|push|save|load|rm|tag|history|inspect|prune|import [flags] …",
  examples: [
    ["sudo container image ls", "as container images"],
    ["sudo container image inspect alpine", "details of an image"],
    ["sudo container image prune", "remove images without a name"],
  ],
}, IMAGE);

/** The commands for everything that this program keeps. */
export const systemCommand: Command = group({
  name: "system",
  summary: "Show the space that is used, and remove what nobody uses",
  usage: "df|prune [flags]",
  examples: [
    ["sudo container system df", "as du, but by kind"],
    ["sudo container system prune", "stopped containers, unused images"],
  ],
}, SYSTEM);

/** `container rm` and `container prune`: remove containers. */

import { prune } from "../../containers/daily/prune.ts";
import { findEvenDead } from "../../containers/daily/names.ts";
import { removeContainer } from "../../containers/daily/remove.ts";
import type { Command } from "../command.ts";
import { confirms } from "../confirm.ts";
import {
  type Flag,
  parseFlags,
  parseFlagsAndNames,
  takeNoWords,
} from "../flags.ts";
import { globals } from "../oci/global.ts";
import { print } from "../output.ts";
import { containersOf, forEach } from "./each.ts";
import { asksJson, FORMAT, QUIET } from "./format.ts";
import { matches, parseFilters } from "./ps.ts";

const FLAGS: readonly Flag[] = [
  {
    name: "force",
    short: "f",
    help: "Also remove a running container: kill it first",
  },
  {
    name: "volumes",
    short: "v",
    help: "Also remove its anonymous volumes",
  },
  QUIET,
];

/** Removes containers. */
export const rmCommand: Command = {
  name: "rm",
  summary: "Remove containers and their logs",
  usage: "[flags] CONTAINER…",
  flags: FLAGS,
  examples: [
    ["sudo container rm web", "a stopped container"],
    ["sudo container rm -f web", "also if it is running"],
    ["sudo container rm -v web", "with its anonymous volumes"],
  ],
  async execute(argv) {
    const flags = parseFlagsAndNames(FLAGS, argv, "container rm");
    const how = { force: flags.has("force"), volumes: flags.has("volumes") };
    return await forEach(
      containersOf(flags, "rm"),
      (store, id) => removeContainer(store, id, how),
      // A container of --rm that has already ended is no error here.
      { quiet: flags.has("quiet"), find: findEvenDead },
    );
  },
};

const PRUNE_FLAGS: readonly Flag[] = [
  { name: "force", short: "f", help: "Do not ask" },
  {
    name: "filter",
    value: "KEY=VALUE",
    help: "Remove only matches: name=, id= or label=K[=V]",
  },
  FORMAT,
  { name: "quiet", short: "q", help: "Print nothing" },
];

/** Removes all containers that have ended. */
export const pruneCommand: Command = {
  name: "prune",
  summary: "Remove all containers that have ended",
  usage: "[flags]",
  flags: PRUNE_FLAGS,
  examples: [
    ["sudo container prune", "asks before"],
    ["sudo container prune -f", "prints the IDs of removed containers"],
  ],
  async execute(argv) {
    const flags = parseFlags(PRUNE_FLAGS, argv, "container prune");
    takeNoWords(flags, "prune");
    const json = asksJson(flags);
    const filters = parseFilters(flags.all("filter"));
    const isSure = json || flags.has("force") ||
      confirms("WARNING! This will remove all stopped containers.");
    if (!isSure) return 0;
    const removed = await prune(
      globals().store,
      (view) => matches(view, filters),
    );
    if (json) print(JSON.stringify(removed));
    else if (!flags.has("quiet")) removed.forEach((id) => print(id));
    return 0;
  },
};

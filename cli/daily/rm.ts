/** `container rm` and `container prune`: remove containers. */

import { prune } from "../../containers/daily/prune.ts";
import { findEvenDead } from "../../containers/daily/names.ts";
import { removeContainer } from "../../containers/daily/remove.ts";
import type { Command } from "../command.ts";
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
    help: "Accepted, but has no effect: there are no volumes",
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
  ],
  async execute(argv) {
    const flags = parseFlagsAndNames(FLAGS, argv, "container rm");
    const force = flags.has("force");
    return await forEach(
      containersOf(flags, "rm"),
      (store, id) => removeContainer(store, id, { force }),
      // A container of --rm that has already ended is no error here.
      { quiet: flags.has("quiet"), find: findEvenDead },
    );
  },
};

const PRUNE_FLAGS: readonly Flag[] = [
  { name: "force", short: "f", help: "Accepted: there is no prompt" },
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
  examples: [["sudo container prune", "prints the IDs of removed containers"]],
  async execute(argv) {
    const flags = parseFlags(PRUNE_FLAGS, argv, "container prune");
    takeNoWords(flags, "prune");
    const json = asksJson(flags);
    const filters = parseFilters(flags.all("filter"));
    const removed = await prune(
      globals().store,
      (view) => matches(view, filters),
    );
    if (json) print(JSON.stringify(removed));
    else if (!flags.has("quiet")) removed.forEach((id) => print(id));
    return 0;
  },
};

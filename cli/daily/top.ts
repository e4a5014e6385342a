/**
 * `container top`: lists the processes of a container with the host's ps(1).
 */

import { listProcesses, processesOf } from "../../containers/oci/processes.ts";
import { findContainer } from "../../containers/daily/names.ts";
import { look } from "../../containers/daily/view.ts";
import { stateVerb } from "../../containers/store/status.ts";
import { ContainerError, UsageError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { type Flag, parseFlags } from "../flags.ts";
import { globals } from "../oci/global.ts";
import { print } from "../output.ts";
import { asksJson, FORMAT } from "./format.ts";

const FLAGS: readonly Flag[] = [
  { ...FORMAT, help: "table, or json with the PIDs" },
  { name: "quiet", short: "q", help: "Print only PIDs, one per line" },
];

/** Lists the processes of a container. */
export const topCommand: Command = {
  name: "top",
  summary: "List the processes of a running container",
  usage: "[flags] CONTAINER [OPTION OF ps…]",
  flags: FLAGS,
  examples: [
    ["sudo container top web", "like ps -ef, with host PIDs"],
    ["sudo container top web -o pid,rss,args", "other columns"],
  ],
  async execute(argv) {
    const flags = parseFlags(FLAGS, argv, "container top");
    const [word, ...options] = flags.rest;
    if (word === undefined) {
      throw new UsageError(
        "container top needs a container",
        "Give its name, its ID, or the first characters of its ID.",
      );
    }
    const { store } = globals();
    const id = findContainer(store, word);
    const status = look(store, id)?.status;
    if (status !== "running" && status !== "paused") {
      throw new ContainerError(
        `Cannot list the processes of ${word}: it ${
          status ? stateVerb(status) : "is gone"
        }`,
        { hint: `Start it: container start ${word}` },
      );
    }
    const pids = processesOf(store, id);
    if (flags.has("quiet")) {
      pids.forEach((pid) => print(String(pid)));
      return 0;
    }
    print(
      asksJson(flags)
        ? JSON.stringify(pids)
        : await listProcesses(pids, options),
    );
    return 0;
  },
};

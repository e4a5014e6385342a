/**
 * The OCI runtime commands for a running container: ps, pause, resume, events.
 */

import { listProcesses, processesOf } from "../../containers/oci/processes.ts";
import { events, usageOf } from "../../containers/oci/events.ts";
import { pause, resume } from "../../containers/oci/pause.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { parseFlags, parseFlagsAndNames } from "../flags.ts";
import { print } from "../output.ts";
import { containerOf } from "./id.ts";
import { globals } from "./global.ts";

/** `container ps ID`. */
export const psCommand: Command = {
  name: "ps",
  summary: "List the processes of a container",
  usage: "[flags] ID [OPTION OF ps…]",
  flags: [
    { name: "format", short: "f", value: "FORMAT", help: "table or json" },
  ],
  examples: [
    ["sudo container ps web", "like ps -ef, with host PIDs"],
    ["sudo container ps --format json web", "only the PIDs"],
  ],
  async execute(argv) {
    const flags = parseFlags(this.flags, argv, "container ps");
    const id = await containerOf(flags, "ps", Infinity);
    const format = flags.last("format") ?? "table";
    if (format !== "json" && format !== "table") {
      throw new UsageError(`invalid format option: ${format}`);
    }
    const pids = processesOf(globals().store, id);
    print(
      format === "json"
        ? JSON.stringify(pids)
        : await listProcesses(pids, flags.rest.slice(1)),
    );
    return 0;
  },
};

/** `container pause`. */
export const pauseCommand: Command = {
  name: "pause",
  summary: "Suspend all processes of a container",
  usage: "ID",
  flags: [],
  examples: [["sudo container pause web", "until resume web"]],
  async execute(argv) {
    const flags = parseFlagsAndNames(this.flags, argv, "container pause");
    pause(globals().store, await containerOf(flags, "pause"));
    return 0;
  },
};

/** `container resume`. */
export const resumeCommand: Command = {
  name: "resume",
  summary: "Resume the processes of a paused container",
  usage: "ID",
  flags: [],
  examples: [["sudo container resume web", "after pause web"]],
  async execute(argv) {
    const flags = parseFlagsAndNames(this.flags, argv, "container resume");
    resume(globals().store, await containerOf(flags, "resume"));
    return 0;
  },
};

const UNITS: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3600_000,
};

/**
 * Parses a duration as Go writes it (`5s`, `1m30s`, `500ms`), in milliseconds.
 */
function duration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[smh])/g)];
  const total = parts.reduce(
    (sum, [, n, unit]) => sum + Number(n) * UNITS[unit!]!,
    0,
  );
  if (parts.map(([part]) => part).join("") === text && total > 0) return total;
  throw new UsageError(
    `--interval ${text}: expected a time above zero`,
    "Use a duration like 5s or 500ms.",
  );
}

/** `container events`. */
export const eventsCommand: Command = {
  name: "events",
  summary: "Print resource usage and out-of-memory kills, as JSON",
  usage: "[flags] ID",
  flags: [
    {
      name: "interval",
      value: "TIME",
      help: "Time between two lines (default 5s)",
    },
    { name: "stats", help: "Print one line and exit" },
  ],
  examples: [
    ["sudo container events --stats web", "its current usage"],
    ["sudo container events web", "every five seconds, until it ends"],
  ],
  async execute(argv) {
    const flags = parseFlagsAndNames(this.flags, argv, "container events");
    const id = await containerOf(flags, "events");
    const interval = duration(flags.last("interval") ?? "5s");
    const { store } = globals();
    if (flags.has("stats")) {
      print(JSON.stringify(usageOf(store, id)));
      return 0;
    }
    for await (const event of events(store, id, interval)) {
      print(JSON.stringify(event));
    }
    return 0;
  },
};

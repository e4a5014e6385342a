/** `container logs`: prints the output of a container in the background. */

import type { LogEntry } from "../../containers/daily/log_entry.ts";
import { readLog, selectEntries } from "../../containers/daily/logs.ts";
import { isKept, look } from "../../containers/daily/view.ts";
import { ContainerError, UsageError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { type Flag, parseFlagsAndNames } from "../flags.ts";
import { globals } from "../oci/global.ts";
import { printBytes, say } from "../output.ts";
import { oneContainer } from "./each.ts";
import { asksJson, FORMAT } from "./format.ts";
import { shower } from "./log_output.ts";
import { moment } from "./times.ts";

const FLAGS: readonly Flag[] = [
  {
    name: "follow",
    short: "f",
    help: "Print new output until the container ends",
  },
  {
    name: "since",
    value: "TIME",
    help: "Start at this time, or this long ago (10m)",
  },
  { name: "until", value: "TIME", help: "Stop at this time" },
  {
    name: "tail",
    short: "n",
    value: "N",
    help: "Print the last N lines, or all",
  },
  { name: "timestamps", short: "t", help: "Print the time of each line" },
  { ...FORMAT, help: "table, or json with one object per line" },
];

/** Prints a log. The container's standard error goes to standard error. */
export const logsCommand: Command = {
  name: "logs",
  summary: "Print the output of a container that runs in the background",
  usage: "[flags] CONTAINER",
  flags: FLAGS,
  examples: [
    ["sudo container logs web", "the whole log"],
    ["sudo container logs -f --tail 10 web", "the last lines, then new output"],
    [
      "sudo container logs --since 10m -t web",
      "the last ten minutes, with times",
    ],
  ],
  async execute(argv) {
    const flags = parseFlagsAndNames(FLAGS, argv, "container logs");
    const { store } = globals();
    const id = oneContainer(flags, "logs");
    const [word = id] = flags.rest;
    if (!store.peek(id)?.daily?.detached) {
      throw new ContainerError(
        `Cannot show the log of ${word}: it has no log`,
        { hint: "Only containers that run --detach started have a log." },
      );
    }
    const json = asksJson(flags);
    const follow = flags.has("follow")
      ? () => {
        const view = look(store, id);
        return !view || !isKept(view.record) &&
            (view.status === "exited" || view.status === "created");
      }
      : undefined;
    const since = flags.last("since");
    const until = flags.last("until");
    const show = shower(flags.has("timestamps"));
    const pieces = selectEntries(readLog(`${store.root}/${id}`, follow), {
      since: since === undefined ? undefined : moment("since", since),
      until: until === undefined ? undefined : moment("until", until),
      tail: tail(flags.last("tail")),
    });
    for await (const entries of pieces) {
      if (json) writeJson(entries);
      else for (const { to, bytes } of show(entries)) printBytes(bytes, to);
    }
    const unwritten = look(store, id)?.end?.unwritten ?? 0;
    if (unwritten > 0) {
      say(`container: ${unwritten} bytes of the log could not be written`);
    }
    return 0;
  },
};

function tail(text: string | undefined): number | undefined {
  if (text === undefined || text === "all") return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  throw new UsageError(`--tail ${text}: expected a number of lines, or all`);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function writeJson(entries: readonly LogEntry[]): void {
  const lines = entries.map(({ time, stream, ended, text }) => {
    const log = decoder.decode(text) + (ended ? "\n" : "");
    return `${JSON.stringify({ time, stream, log })}\n`;
  });
  printBytes(encoder.encode(lines.join("")));
}

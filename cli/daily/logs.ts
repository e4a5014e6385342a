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
  { name: "follow", short: "f", help: "Go on with what comes, to its end" },
  { name: "since", value: "TIME", help: "From then on: a time, or 10m (ago)" },
  { name: "until", value: "TIME", help: "Up to then" },
  { name: "tail", short: "n", value: "N", help: "The last N lines, or all" },
  { name: "timestamps", short: "t", help: "When each line was written" },
  { ...FORMAT, help: "table, or json: an object a line" },
];

/** Prints a log. The container's standard error goes to standard error. */
export const logsCommand: Command = {
  name: "logs",
  summary: "Print what a container in the background has written",
  usage: "[flags] CONTAINER",
  flags: FLAGS,
  examples: [
    ["sudo container logs web", "all there is"],
    ["sudo container logs -f --tail 10 web", "the end, and what comes"],
    ["sudo container logs --since 10m -t web", "of ten minutes, with times"],
  ],
  async execute(argv) {
    const flags = parseFlagsAndNames(FLAGS, argv, "container logs");
    const { store } = globals();
    const id = oneContainer(flags, "logs");
    const [word = id] = flags.rest;
    if (!store.peek(id)?.daily?.detached) {
      throw new ContainerError(
        `Cannot show a log of ${word}: nobody keeps one of it`,
        { hint: "Only containers of run --detach have one." },
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
  throw new UsageError(`--tail ${text}: it is a number of lines, or all`);
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

/** `container logs`: what a container has written. */

import { findContainer } from "../../lifecycle/daily/names.ts";
import { type LogEntry, readLog, wanted } from "../../lifecycle/daily/logs.ts";
import { isKept, look } from "../../lifecycle/daily/view.ts";
import { ContainerError, UsageError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { type Flag, parseFlags } from "../flags.ts";
import { globals } from "../oci/global.ts";
import { printBytes } from "../output.ts";
import { asksJson, FORMAT } from "./format.ts";
import { moment } from "./times.ts";

const FLAGS: readonly Flag[] = [
  { name: "follow", short: "f", help: "Go on with what comes, to its end" },
  { name: "since", value: "TIME", help: "From then on: a time, or 10m (ago)" },
  { name: "until", value: "TIME", help: "Up to then" },
  { name: "tail", short: "n", value: "N", help: "The last N lines, or all" },
  { name: "timestamps", short: "t", help: "When each line was written" },
  { ...FORMAT, help: "table, or json: an object a line" },
];

/** Prints a log, its standard error to ours. */
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
    // As docker has it: flags may follow the name.
    const [first] = argv;
    const behind = first !== undefined && !first.startsWith("-");
    const flags = parseFlags(
      FLAGS,
      behind ? [...argv.slice(1), first] : argv,
      "container logs",
    );
    const [word, ...more] = flags.rest;
    if (word === undefined || more.length) {
      throw new UsageError(
        "container logs takes one container",
        "See container logs --help.",
      );
    }
    const { store } = globals();
    const id = findContainer(store, word);
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
    const write = json ? writeJson : writer(flags.has("timestamps"));
    const entries = wanted(readLog(`${store.root}/${id}`, follow), {
      since: since === undefined ? undefined : moment("since", since),
      until: until === undefined ? undefined : moment("until", until),
      tail: tail(flags.last("tail")),
    });
    for await (const entry of entries) write(entry);
    return 0;
  },
};

function tail(text: string | undefined): number | undefined {
  if (text === undefined || text === "all") return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  throw new UsageError(`--tail ${text}: it is a number of lines, or all`);
}

const encoder = new TextEncoder();

/** Writes entries as they were, to the streams that they were written to. */
export function writer(
  timestamps: boolean,
): (entry: LogEntry) => void {
  const begun = { stdout: false, stderr: false };
  return ({ time, stream, ended, text }) => {
    const own = stream === "keeper";
    const to = stream === "stdout" ? "stdout" : "stderr";
    const before = own
      ? "container: "
      : timestamps && !begun[to]
      ? `${time} `
      : "";
    if (!own) begun[to] = !ended;
    const prefix = encoder.encode(before);
    const line = new Uint8Array(prefix.length + text.length + (ended ? 1 : 0));
    line.set(prefix);
    line.set(text, prefix.length);
    if (ended) line[line.length - 1] = 0x0a;
    printBytes(line, to);
  };
}

function writeJson({ time, stream, ended, text }: LogEntry): void {
  const log = new TextDecoder().decode(text) + (ended ? "\n" : "");
  printBytes(encoder.encode(`${JSON.stringify({ time, stream, log })}\n`));
}

/** `container stats`: shows the resource use of containers, live. */

import { findContainer, shortId } from "../../containers/daily/names.ts";
import {
  type Sample,
  sample,
  type Usage,
  usageBetween,
} from "../../containers/daily/usage.ts";
import { lookAtAll } from "../../containers/daily/view.ts";
import type { Store } from "../../containers/store/store.ts";
import type { Command } from "../command.ts";
import { type Flag, parseFlagsAndNames } from "../flags.ts";
import { globals } from "../oci/global.ts";
import { print, printBytes } from "../output.ts";
import { asksJson, FORMAT } from "./format.ts";
import { size, table } from "./table.ts";

const FLAGS: readonly Flag[] = [
  { name: "no-stream", help: "Print once and exit" },
  { name: "no-trunc", help: "Do not shorten IDs" },
  { ...FORMAT, help: "table, or json with one array per line" },
];

/** Milliseconds between two samples. */
const INTERVAL = 1000;
const HOME = "\x1b[H";
const CLEAR_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";
const CLEAR_ALL = "\x1b[2J";

/** A screenful of lines, each of which overwrites the previous content. */
export const drawn = (text: string): string =>
  `${HOME}${
    text.split("\n").map((line) => line + CLEAR_LINE).join("\n")
  }\n${CLEAR_BELOW}`;

const orNone = (value: number | null, shown: (value: number) => string) =>
  value === null ? "--" : shown(value);

/** The table of resource use. */
export function asTable(usages: readonly Usage[], whole = false): string {
  const percent = (value: number) => `${value.toFixed(2)}%`;
  return table([
    [
      "CONTAINER ID",
      "NAME",
      "CPU %",
      "MEM USAGE / LIMIT",
      "MEM %",
      "NET I/O",
      "BLOCK I/O",
      "PIDS",
    ],
    ...usages.map((usage) => [
      whole ? usage.id : shortId(usage.id),
      usage.name,
      orNone(usage.cpuPercent, percent),
      `${orNone(usage.memory, size)} / ${
        usage.memoryLimit === null ? "none" : size(usage.memoryLimit)
      }`,
      orNone(usage.memoryPercent, percent),
      `${orNone(usage.receivedBytes, size)} / ${orNone(usage.sentBytes, size)}`,
      `${orNone(usage.readBytes, size)} / ${orNone(usage.writeBytes, size)}`,
      orNone(usage.processes, String),
    ]),
  ]);
}

/** Shows the resource use of containers. */
export const statsCommand: Command = {
  name: "stats",
  summary: "Show the resource usage of containers, live",
  usage: "[flags] [CONTAINER…]",
  flags: FLAGS,
  examples: [
    ["sudo container stats", "all running containers, until Ctrl-C"],
    ["sudo container stats --no-stream web", "one container, once"],
  ],
  async execute(argv) {
    const flags = parseFlagsAndNames(FLAGS, argv, "container stats");
    const json = asksJson(flags);
    const { store } = globals();
    const chosen = flags.rest.map((word) => findContainer(store, word));
    const whole = flags.has("no-trunc");
    const live = !json && !flags.has("no-stream") && Deno.stdout.isTerminal();
    let before = look(store, chosen);
    if (live) printBytes(new TextEncoder().encode(CLEAR_ALL));
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, INTERVAL));
      const now = look(store, chosen);
      const { total } = Deno.systemMemoryInfo();
      const usages = [...now].map(([id, sample]) =>
        usageBetween(before.get(id) ?? null, sample, total)
      );
      before = now;
      if (json) print(JSON.stringify(usages));
      else {
        const text = asTable(usages, whole);
        if (live) printBytes(new TextEncoder().encode(drawn(text)));
        else print(text);
      }
      // All chosen containers have ended, so nothing more will come.
      const over = chosen.length > 0 && now.size === 0;
      if (flags.has("no-stream") || over) return 0;
    }
  },
};

function look(store: Store, chosen: readonly string[]): Map<string, Sample> {
  const ids = chosen.length
    ? chosen
    : lookAtAll(store).map(({ record }) => record.id);
  return new Map(
    ids.flatMap((id) => {
      const found = sample(store, id);
      return found ? [[id, found]] : [];
    }),
  );
}

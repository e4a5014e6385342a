/** `container ps`: lists containers. */

import { SHORT, shortId } from "../../containers/daily/names.ts";
import { clearAllDead } from "../../containers/daily/dead.ts";
import { lookAtAll, type View } from "../../containers/daily/view.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { type Flag, parseFlags } from "../flags.ts";
import { globals } from "../oci/global.ts";
import { print } from "../output.ts";
import { FORMAT, isJson } from "./format.ts";
import { bindingsOf, portsText } from "./port.ts";
import { duration, shownCommand, table } from "./table.ts";

const FLAGS: readonly Flag[] = [
  { name: "all", short: "a", help: "Include containers that are not running" },
  {
    name: "filter",
    short: "f",
    value: "KEY=VALUE",
    help: "name=, id=, status= or label=K[=V]; repeatable",
  },
  { ...FORMAT, help: "table, json, or names (one per line)" },
  {
    name: "last",
    short: "n",
    value: "N",
    help: "List the N newest, in any state",
  },
  { name: "latest", short: "l", help: "List the newest, in any state" },
  { name: "no-trunc", help: "Do not shorten IDs and commands" },
  { name: "quiet", short: "q", help: "Print only IDs" },
];

const RUNS = new Set<View["status"]>(["running", "paused", "restarting"]);

/** The values of each filter key. */
export type Filters = ReadonlyMap<string, readonly string[]>;

const KEYS = ["name", "id", "status", "label"];

/**
 * Parses filters before anything is looked up.
 *
 * @throws {UsageError}
 */
export function parseFilters(filters: readonly string[]): Filters {
  const keys = new Map<string, string[]>();
  for (const filter of filters) {
    const [, key, value = ""] = filter.match(/^([a-z]+)=(.*)$/s) ?? [];
    if (key === undefined) {
      throw new UsageError(
        `--filter ${filter}: expected KEY=VALUE`,
        "The keys are name, id, status and label.",
      );
    }
    if (!KEYS.includes(key)) {
      throw new UsageError(
        `--filter ${key}=…: unknown filter`,
        "The keys are name, id, status and label.",
      );
    }
    if (key === "status" && !STATUSES.some((status) => status === value)) {
      throw new UsageError(
        `--filter status=${value}: unknown status`,
        `The statuses are ${STATUSES.join(", ")}.`,
      );
    }
    keys.set(key, [...keys.get(key) ?? [], value]);
  }
  return keys;
}

/**
 * Whether a container matches the filters. Values of one key are alternatives.
 */
export function matches(view: View, filters: Filters): boolean {
  return [...filters].every(([key, values]) => {
    // All labels must match, as with docker.
    if (key === "label") return values.every((value) => hasLabel(view, value));
    return values.some((value) => isOne(view, key, value));
  });
}

function hasLabel({ record: { daily } }: View, wanted: string): boolean {
  const [key = "", value] = wanted.split(/=(.*)/s);
  const found = daily?.labels[key];
  return found !== undefined && (value === undefined || found === value);
}

const STATUSES: readonly View["status"][] = [
  "created",
  "running",
  "paused",
  "restarting",
  "exited",
];

function isOne(view: View, key: string, value: string): boolean {
  if (key === "name") return view.name.includes(value);
  if (key === "id") return view.record.id.startsWith(value);
  return view.status === value;
}

/** The status in words: `Up 3 minutes`, `Exited (1) 2 hours ago`. */
export function statusText(view: View, now = Date.now()): string {
  const { status, end, record: { daily, created } } = view;
  const ago = (time: string) => `${duration(now - Date.parse(time))} ago`;
  const code = end ? `(${end.code})` : "(?)";
  switch (status) {
    case "created":
      return "Created";
    case "exited":
      return `Exited ${code}${end ? ` ${ago(end.finished)}` : ""}`;
    case "restarting":
      return `Restarting ${code}${end ? ` ${ago(end.finished)}` : ""}`;
    default: {
      const up = `Up ${duration(now - Date.parse(daily?.started ?? created))}`;
      return status === "paused" ? `${up} (Paused)` : up;
    }
  }
}

function asObject(view: View) {
  const { record, name, status, end } = view;
  const { daily } = record;
  return {
    id: record.id,
    name,
    status,
    statusText: statusText(view),
    pid: status === "running" || status === "paused" ? record.pid : 0,
    exitCode: end?.code ?? null,
    command: record.spec.process.args,
    rootfs: daily?.image?.name ?? record.spec.root.path,
    created: record.created,
    started: daily?.started ?? null,
    finished: end?.finished ?? null,
    labels: daily?.labels ?? {},
    ports: bindingsOf(view),
  };
}

/**
 * Lists containers. With an id it lists the processes of one, as an OCI runtime
 * does.
 */
export const psCommand: Command = {
  name: "ps",
  summary: "List running containers, or the processes of one",
  usage: "[flags] [ID [OPTION OF ps…]]",
  flags: FLAGS,
  examples: [
    ["sudo container ps", "running containers"],
    ["sudo container ps -a", "all containers"],
    ["sudo container ps -aq --filter status=exited", "IDs, for scripts"],
    ["sudo container ps --format json", "with more details"],
  ],
  async execute(argv) {
    const flags = parseFlags(FLAGS, argv, "container ps");
    if (flags.rest.length) {
      const { psCommand } = await import("../oci/running.ts");
      return await psCommand.execute(argv);
    }
    await (await import("../network/mend.ts")).mendNetworks();
    const given = flags.all("filter");
    // -f is docker's filter and runc's format. No word can be both.
    const isFormat = (word: string) => word === "table" || word === "json";
    const filters = parseFilters(given.filter((word) => !isFormat(word)));
    const format = flags.last("format") ?? given.findLast(isFormat);
    const names = format === "names";
    const json = !names && isJson(format);
    const { store } = globals();
    clearAllDead(store);
    const newest = flags.has("latest") ? 1 : count(flags.last("last"));
    const all = flags.has("all") || newest !== undefined ||
      filters.has("status");
    const views = lookAtAll(store)
      .filter((view) => matches(view, filters))
      .filter(({ status }) => all || RUNS.has(status))
      .slice(0, newest);
    const whole = flags.has("no-trunc");
    const idOf = ({ record: { id } }: View) => whole ? id : shortId(id);
    if (names) views.forEach(({ name }) => print(name));
    else if (json) print(JSON.stringify(views.map(asObject)));
    else if (flags.has("quiet")) views.forEach((view) => print(idOf(view)));
    else {
      print(table([
        [
          "CONTAINER ID".padEnd(SHORT),
          "COMMAND",
          "CREATED",
          "STATUS",
          "PORTS",
          "NAME",
        ],
        ...views.map((view) => [
          idOf(view),
          shownCommand(view.record.spec.process.args, whole ? Infinity : 20),
          `${duration(Date.now() - Date.parse(view.record.created))} ago`,
          statusText(view),
          portsText(view),
          view.name === view.record.id ? "" : view.name,
        ]),
      ]));
    }
    return 0;
  },
};

function count(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  throw new UsageError(`--last ${text}: expected a number`);
}

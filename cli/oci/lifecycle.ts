/** The commands of an OCI runtime: create, start, state, kill, delete. */

import { create } from "../../lifecycle/oci/create.ts";
import { remove, signal } from "../../lifecycle/oci/end.ts";
import { start } from "../../lifecycle/oci/start.ts";
import { type State, stateOf, stateText } from "../../lifecycle/oci/status.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { parseFlags } from "../flags.ts";
import { print, warn } from "../output.ts";
import { CREATE_FLAGS, createOptions } from "./create_flags.ts";
import { globals } from "./global.ts";
import { idOf } from "./id.ts";
import { signalNumber } from "./signal.ts";

/** `container create`. */
export const createCommand: Command = {
  name: "create",
  summary: "Create a container of a bundle, up to the start of its command",
  usage: "[flags] ID",
  flags: CREATE_FLAGS,
  examples: [[
    "sudo container create --bundle /srv/web web",
    "then: start web",
  ]],
  async execute(argv) {
    const flags = parseFlags(this.flags, argv, "container create");
    const id = idOf(flags, "create");
    await create(globals().store, createOptions(flags, id));
    return 0;
  },
};

/** `container start`. */
export const startCommand: Command = {
  name: "start",
  summary: "Start the command of a container that was created",
  usage: "ID",
  flags: [],
  examples: [["sudo container start web", "after: create web"]],
  async execute(argv) {
    const flags = parseFlags(this.flags, argv, "container start");
    await start(globals().store, idOf(flags, "start"), {
      warn,
      notify: Deno.env.get("NOTIFY_SOCKET"),
    });
    return 0;
  },
};

/** `container state`. */
export const stateCommand: Command = {
  name: "state",
  summary: "Print the state of a container, as JSON",
  usage: "ID",
  flags: [],
  examples: [["sudo container state web", "what runtime-spec calls its state"]],
  execute(argv) {
    const flags = parseFlags(this.flags, argv, "container state");
    using entry = globals().store.open(idOf(flags, "state"));
    print(stateText(stateOf(entry)));
    return 0;
  },
};

/** `container list`. */
export const listCommand: Command = {
  name: "list",
  summary: "List the containers that create has made",
  usage: "[flags]",
  flags: [
    { name: "format", short: "f", value: "FORMAT", help: "table or json" },
    { name: "quiet", short: "q", help: "Ids alone" },
  ],
  examples: [["sudo container list", "one a line, with its state"]],
  execute(argv) {
    const flags = parseFlags(this.flags, argv, "container list");
    const { store } = globals();
    const states = store.ids().flatMap((id) => {
      using entry = store.find(id);
      return entry ? [stateOf(entry)] : [];
    });
    const format = flags.last("format") ?? "table";
    if (format !== "json" && format !== "table") {
      throw new UsageError(`invalid format option: ${format}`);
    }
    if (format === "json") print(JSON.stringify(states));
    else if (flags.has("quiet")) { for (const { id } of states) print(id); }
    else print(table(states));
    return 0;
  },
};

/** In columns as wide as what is in them. */
function table(states: readonly State[]): string {
  const rows = [
    ["ID", "PID", "STATUS", "BUNDLE", "CREATED"],
    ...states.map(({ id, pid, status, bundle, created }) => [
      id,
      String(pid),
      status,
      bundle,
      created,
    ]),
  ];
  const widths = rows[0]!.map((_, column) =>
    Math.max(...rows.map((row) => row[column]!.length))
  );
  return rows.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd()
  ).join("\n");
}

/** `container kill`. */
export const killCommand: Command = {
  name: "kill",
  summary: "Send a signal to a container's first process",
  usage: "[flags] ID [SIGNAL]",
  flags: [{ name: "all", short: "a", help: "To every process of it" }],
  examples: [
    ["sudo container kill web", "SIGTERM"],
    ["sudo container kill web KILL", "by name or number"],
  ],
  execute(argv) {
    const flags = parseFlags(this.flags, argv, "container kill");
    const id = idOf(flags, "kill", 1);
    signal(globals().store, id, signalNumber(flags.rest[1] ?? "TERM"), {
      all: flags.has("all"),
    });
    return 0;
  },
};

/** `container delete`. */
export const deleteCommand: Command = {
  name: "delete",
  summary: "Take a container that has stopped away",
  usage: "[flags] ID",
  flags: [{ name: "force", short: "f", help: "One that runs, too: kill it" }],
  examples: [["sudo container delete web", "after it has ended"]],
  async execute(argv) {
    const flags = parseFlags(this.flags, argv, "container delete");
    await remove(globals().store, idOf(flags, "delete"), {
      force: flags.has("force"),
      warn,
    });
    return 0;
  },
};

/** The OCI runtime commands create, start, state, list, kill and delete. */

import { textVariable } from "../../containers/world/text_variable.ts";
import { readFile } from "../../cgroup/apply.ts";
import { create } from "../../containers/oci/create.ts";
import { remove, signal } from "../../containers/oci/end.ts";
import { start } from "../../containers/oci/start.ts";
import {
  type State,
  stateOf,
  stateText,
} from "../../containers/store/status.ts";
import { checkId } from "../../containers/store/container_id.ts";
import type { Store } from "../../containers/store/store.ts";
import { parsePasswd } from "../../containers/decide/users.ts";
import { OCI_VERSION } from "../../spec/defaults.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { QUIET } from "../daily/format.ts";
import {
  type Flag,
  type Flags,
  parseFlags,
  parseFlagsAndNames,
  takeNoWords,
  UnknownFlag,
} from "../flags.ts";
import { print, warn } from "../output.ts";
import { CREATE_FLAGS, createOptions } from "./create_flags.ts";
import { globals } from "./global.ts";
import { containerOf, idOf, refuseName } from "./id.ts";
import { isSignal, signalNumber } from "./signal.ts";

/** `container create`. */
export const createCommand: Command = {
  name: "create",
  summary: "Create a container from a bundle, without starting its command",
  usage: "[flags] ID",
  flags: CREATE_FLAGS,
  examples: [[
    "sudo container create --bundle /srv/web web",
    "followed by start web",
  ]],
  async execute(argv) {
    const flags = parseFlagsAndNames(this.flags, argv, "container create");
    const id = idOf(flags, "create");
    await create(globals().store, createOptions(flags, id));
    return 0;
  },
};

/** `container start`. */
export const startCommand: Command = {
  name: "start",
  summary: "Start a created or stopped container",
  usage: "[flags] CONTAINER…",
  flags: [QUIET],
  examples: [
    ["sudo container start web", "after create web, or run --name web"],
  ],
  async execute(argv) {
    const flags = parseFlagsAndNames(this.flags, argv, "container start");
    const [id] = flags.rest;
    const { store } = globals();
    const record = id === undefined ? undefined : store.peek(id);
    if (flags.rest.length > 1 || record === null || record?.daily) {
      const { startEach } = await import("../daily/start.ts");
      return await startEach(flags.rest, flags.has("quiet"));
    }
    await start(store, idOf(flags, "start"), {
      warn,
      notify: textVariable("NOTIFY_SOCKET"),
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
  examples: [[
    "sudo container state web",
    "the state as runtime-spec defines it",
  ]],
  async execute(argv) {
    const flags = parseFlagsAndNames(this.flags, argv, "container state");
    using entry = globals().store.look(await containerOf(flags, "state"));
    print(stateText(stateOf(entry)));
    return 0;
  },
};

/** `container list`. */
export const listCommand: Command = {
  name: "list",
  summary: "List the containers and their states",
  usage: "[flags]",
  flags: [
    { name: "format", short: "f", value: "FORMAT", help: "table or json" },
    { name: "quiet", short: "q", help: "Print only IDs" },
  ],
  examples: [["sudo container list", "one per line, with its state"]],
  async execute(argv) {
    const flags = parseFlags(this.flags, argv, "container list");
    takeNoWords(flags, "list");
    const { store } = globals();
    if (store.ids().some((id) => store.peek(id)?.daily?.autoRemove)) {
      (await import("../../containers/daily/dead.ts")).clearAllDead(store);
    }
    const states = store.ids().flatMap((id) => listed(store, id));
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

/** A container as `list` shows it. */
type Listed = Omit<State, "status"> & { status: State["status"] | "broken" };

/**
 * The row of a container. There is none if it has just been removed. It is
 * `broken` if its record cannot be read.
 */
function listed(store: Store, id: string): Listed[] {
  if (store.isBroken(id)) return [broken(id)];
  using entry = store.glance(id);
  if (!entry) return [];
  return [{ ...stateOf(entry), owner: userName(entry.record.uid) }];
}

const broken = (id: string): Listed => ({
  ociVersion: OCI_VERSION,
  id,
  pid: 0,
  status: "broken",
  bundle: "",
  rootfs: "",
  created: "",
  owner: "",
});

/** The host's name for a user, or the uid. */
function userName(uid: number): string {
  const accounts = parsePasswd(readFile("/etc/passwd"));
  return accounts.find((account) => account.uid === uid)?.name ?? `#${uid}`;
}

/** A table. Each column is as wide as its longest cell. */
function table(states: readonly Listed[]): string {
  const rows = [
    ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"],
    ...states.map(({ id, pid, status, bundle, created, owner }) => [
      id,
      String(pid),
      status,
      bundle,
      created,
      owner,
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
  usage: "[flags] CONTAINER… [SIGNAL]",
  flags: [
    { name: "all", short: "a", help: "Send it to every process" },
    {
      name: "signal",
      short: "s",
      value: "SIGNAL",
      help:
        "Signal name or number (KILL; for a container of create or of a bundle, TERM)",
    },
    QUIET,
  ],
  examples: [
    [
      "sudo container kill web",
      "SIGKILL after run, as docker; SIGTERM after create, as runc",
    ],
    ["sudo container kill web KILL", "with another signal"],
    ["sudo container kill -s HUP web db", "several containers"],
  ],
  async execute(argv) {
    const flags = killFlags(this.flags, argv);
    const [word, behind = "TERM"] = flags.rest;
    const { store } = globals();
    const asked = flags.last("signal");
    if (flags.has("all")) {
      const id = await containerOf(flags, "kill", asked === undefined ? 1 : 0);
      signal(store, id, signalNumber(asked ?? behind), { all: true });
      return 0;
    }
    const record = word === undefined ? undefined : store.peek(word);
    if (record === null) checkId(word!);
    if (asked !== undefined || record === null || record?.daily) {
      return await (await import("../daily/kill.ts")).killDaily(flags);
    }
    signal(store, idOf(flags, "kill", 1), signalNumber(behind));
    return 0;
  },
};

/**
 * Parses the flags. For `kill -9 web`, the syntax of kill(1), the error
 * suggests --signal.
 */
function killFlags(flags: readonly Flag[], argv: readonly string[]): Flags {
  try {
    return parseFlagsAndNames(flags, argv, "container kill");
  } catch (error) {
    if (!(error instanceof UnknownFlag)) throw error;
    const word = error.word.replace(/^-+/, "");
    if (!isSignal(word)) throw error;
    throw new UsageError(error.message, `Use --signal ${word}.`);
  }
}

/** `container delete`. */
export const deleteCommand: Command = {
  name: "delete",
  summary: "Remove a stopped container",
  usage: "[flags] ID",
  flags: [{
    name: "force",
    short: "f",
    help: "Also remove a running container: kill it first",
  }],
  examples: [["sudo container delete web", "after it has ended"]],
  async execute(argv) {
    const flags = parseFlagsAndNames(this.flags, argv, "container delete");
    const id = idOf(flags, "delete");
    await refuseName(id, "delete", `container rm ${id} removes it.`);
    const { store } = globals();
    const force = flags.has("force");
    if (store.peek(id)?.daily) {
      const { removeContainer } = await import(
        "../../containers/daily/remove.ts"
      );
      await removeContainer(store, id, { force });
    } else await remove(store, id, { force, warn });
    return 0;
  },
};

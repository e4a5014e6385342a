/**
 * What comes before the command of an OCI runtime: `--root`, `--log` and their
 * like, as runc has them. The commands that people use take them as well.
 */

import {
  checkRoot,
  stateDirectory,
} from "../../containers/run/state_directory.ts";
import { Store } from "../../containers/store/store.ts";
import type { ConfigReading } from "../../spec/config.ts";
import { ContainerError, systemReason, UsageError } from "../../spec/errors.ts";
import { type Flag, type Flags, HelpRequested, parseFlags } from "../flags.ts";
import { log, note, stackTraces } from "../output.ts";

/** The flags before the command. */
export const GLOBAL_FLAGS: readonly Flag[] = [
  { name: "root", value: "DIR", help: "Where the state of containers is kept" },
  { name: "log", value: "FILE", help: "Write errors to FILE as well" },
  { name: "log-format", value: "FORMAT", help: "text or json" },
  {
    name: "debug",
    help: "Show stack traces, and what of a configuration is ignored",
  },
  {
    name: "systemd-cgroup",
    help: "cgroupsPath is systemd's: slice:prefix:name",
  },
  {
    name: "cgroup-manager",
    value: "NAME",
    help: "cgroupfs, systemd or disabled",
  },
  {
    name: "rootless",
    value: "WHEN",
    help: "true, false or auto; auto is what is done",
  },
  {
    name: "criu",
    value: "FILE",
    help: "The criu of checkpoint and restore; else that of PATH",
  },
];

/** What some of them can be, runc's and crun's words. */
const VALUES = {
  "log-format": ["text", "json"],
  "cgroup-manager": ["cgroupfs", "systemd", "disabled"],
  rootless: ["true", "false", "auto"],
} as const;

/** Whether a word is one of them. */
export const isGlobalFlag = (word: string) =>
  GLOBAL_FLAGS.some(({ name }) =>
    word.replace(/^--?/, "").replace(/=.*$/s, "") === name
  );

/** What they came to. */
export interface Global {
  store: Store;
  systemdCgroup: boolean;
  cgroups: boolean;
  criu?: string;
}

/** Its caller reads it, and would miss what could not be written. */
function openLog(file: string): void {
  try {
    Deno.openSync(file, { append: true, create: true }).close();
  } catch (cause) {
    const reason = systemReason(cause);
    throw new ContainerError(`Cannot write the log ${file}: ${reason}`, {
      hint: "Name another file: --log FILE.",
      cause,
    });
  }
}

/** This process's; the defaults until the command line is read. */
let current: Global | undefined;

const VERSION: Flag = { name: "version", short: "v", help: "" };

/** Reads them; returns the words from the command on. */
export function takeGlobalFlags(argv: readonly string[]): readonly string[] {
  const flags = flagsOrHelp(argv);
  if (!flags) return ["--help"];
  if (flags.has(VERSION.name)) return ["--version"];
  checkValues(flags);
  const file = flags.last("log");
  if (file !== undefined) openLog(file);
  const manager = flags.last("cgroup-manager");
  const root = flags.last("root");
  let store: Store | undefined;
  current = {
    // Where it is by default may not do, which is nothing to who asks for help.
    get store() {
      if (!store && root !== undefined) checkRoot(root);
      return store ??= new Store(root ?? `${stateDirectory()}/containers`);
    },
    systemdCgroup: flags.has("systemd-cgroup") || manager === "systemd",
    cgroups: manager !== "disabled",
    criu: flags.last("criu"),
  };
  log.file = file;
  log.json = flags.last("log-format") === "json";
  log.debug = stackTraces.shown = flags.has("debug");
  return flags.rest;
}

/** The flags; null where help is asked for among them. */
function flagsOrHelp(argv: readonly string[]): Flags | null {
  try {
    return parseFlags([...GLOBAL_FLAGS, VERSION], argv, "container");
  } catch (error) {
    if (error instanceof HelpRequested) return null;
    throw error;
  }
}

function checkValues(flags: Flags): void {
  for (const [name, values] of Object.entries(VALUES)) {
    const given = flags.last(name);
    if (given === undefined || values.some((value) => value === given)) {
      continue;
    }
    throw new UsageError(
      `--${name} ${given}: not one of ${values.join(", ")}`,
      "See container --help.",
    );
  }
  for (const name of ["root", "log"]) {
    if (flags.last(name) === "") {
      throw new UsageError(`--${name}: the path is empty`);
    }
  }
}

/** What came before the command. */
export function globals(): Global {
  if (!current) takeGlobalFlags([]);
  return current!;
}

/**
 * Who is told of what has no effect in a configuration. The specification wants
 * a warning where a value cannot be granted; what nobody knows is ignored, and
 * said with --debug.
 */
export function configReading(): ConfigReading {
  return {
    warn: (line) => note(line, "warning"),
    ...(log.debug
      ? { ignored: (path) => note(`${path}: not known, and ignored`, "debug") }
      : {}),
  };
}

/**
 * The flags before the command, as with runc: `--root`, `--log` and others. All
 * commands accept them.
 */

import {
  checkRoot,
  stateDirectory,
} from "../../containers/run/state_directory.ts";
import { Store } from "../../containers/store/store.ts";
import type { ConfigReading } from "../../spec/config.ts";
import { ContainerError, systemReason, UsageError } from "../../spec/errors.ts";
import { cgroupUse } from "./cgroup_use.ts";
import { storeFlag } from "./store_flag.ts";
import { type Flag, type Flags, HelpRequested, parseFlags } from "../flags.ts";
import { log, note, stackTraces } from "../output.ts";

/** The flags before the command. */
export const GLOBAL_FLAGS: readonly Flag[] = [
  { name: "root", value: "DIR", help: "Directory for the state of containers" },
  { name: "store", value: "DIR", help: "Directory for images and networks" },
  { name: "log", value: "FILE", help: "Also write errors to FILE" },
  { name: "log-format", value: "FORMAT", help: "text or json" },
  {
    name: "debug",
    help: "Show stack traces and ignored parts of configurations",
  },
  {
    name: "systemd-cgroup",
    help: "Read cgroupsPath as systemd's slice:prefix:name",
  },
  {
    name: "cgroup-manager",
    value: "NAME",
    help: "cgroupfs, systemd or disabled",
  },
  {
    name: "rootless",
    value: "WHEN",
    help: "true, false or auto; always behaves as auto",
  },
  {
    name: "criu",
    value: "FILE",
    help: "criu program for checkpoint and restore (default: in PATH)",
  },
];

/** The possible values of some flags, as in runc and crun. */
const VALUES = {
  "log-format": ["text", "json"],
  "cgroup-manager": ["cgroupfs", "systemd", "disabled"],
  rootless: ["true", "false", "auto"],
} as const;

/** Whether a word is one of these flags. */
export const isGlobalFlag = (word: string) =>
  GLOBAL_FLAGS.some(({ name }) =>
    word.replace(/^--?/, "").replace(/=.*$/s, "") === name
  );

/** The values of these flags. */
export interface Global {
  store: Store;
  /** The directory that `--root` names. */
  root?: string;
  systemdCgroup: boolean;
  cgroups: boolean;
  criu?: string;
  /** These flags as they were given, to start this program again. */
  words: readonly string[];
}

/**
 * Creates the log, so that a log that cannot be written is an error at once:
 * the caller relies on reading it.
 */
function openLog(file: string): void {
  try {
    Deno.openSync(file, { append: true, create: true }).close();
  } catch (cause) {
    const reason = systemReason(cause);
    throw new ContainerError(`Cannot write the log ${file}: ${reason}`, {
      hint: "Choose another file with --log.",
      cause,
    });
  }
}

/**
 * The values for this process; undefined until the command line has been read.
 */
let current: Global | undefined;

const VERSION: Flag = { name: "version", short: "v", help: "" };

/**
 * Reads the flags; returns the words from the command on.
 *
 * @throws {UsageError} for a wrong value, {ContainerError} for a log that
 * cannot be written
 */
export function takeGlobalFlags(argv: readonly string[]): readonly string[] {
  const flags = flagsOrHelp(argv);
  if (!flags) return ["--help"];
  if (flags.has(VERSION.name)) return ["--version"];
  checkValues(flags);
  const file = flags.last("log");
  if (file !== undefined) openLog(file);
  const manager = flags.last("cgroup-manager");
  cgroupUse.disabled = manager === "disabled";
  const root = flags.last("root");
  storeFlag.directory = flags.last("store");
  let store: Store | undefined;
  current = {
    // Evaluated on use: a problem with the default directory must not prevent
    // --help.
    get store() {
      if (!store && root !== undefined) checkRoot(root);
      return store ??= new Store(root ?? `${stateDirectory()}/containers`);
    },
    root,
    systemdCgroup: flags.has("systemd-cgroup") || manager === "systemd",
    cgroups: !cgroupUse.disabled,
    criu: flags.last("criu"),
    words: argv.slice(0, argv.length - flags.rest.length),
  };
  log.file = file;
  log.json = flags.last("log-format") === "json";
  log.debug = stackTraces.shown = flags.has("debug");
  return flags.rest;
}

/** The flags; null if help is requested. */
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
  for (const name of ["root", "store", "log"]) {
    if (flags.last(name) === "") {
      throw new UsageError(`--${name}: the path is empty`);
    }
  }
}

/** The values of the flags before the command, or the defaults. */
export function globals(): Global {
  if (!current) takeGlobalFlags([]);
  return current!;
}

/**
 * How to report parts of a configuration that have no effect. The specification
 * demands a warning for a value that cannot be granted. An unknown member is
 * ignored, and reported with --debug.
 */
export function configReading(): ConfigReading {
  return {
    warn: (line) => note(line, "warning"),
    ...(log.debug
      ? { ignored: (path) => note(`${path}: unknown and ignored`, "debug") }
      : {}),
  };
}

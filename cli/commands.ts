/**
 * The table of commands, and the dispatch. Runs in the process the user
 * started, and in PID 1 of a container for `container child`.
 */

import { commandHelp, type Entry } from "./command.ts";
import { VERSION } from "./version.ts";
import { DAILY_COMMANDS } from "./daily/commands.ts";
import { NETWORK_COMMANDS } from "./network/commands.ts";
import { IMAGE_COMMANDS } from "./images/commands.ts";
import { HELP_WORDS, HelpRequested, UnknownFlag } from "./flags.ts";
import { UsageError } from "../spec/errors.ts";
import { print } from "./output.ts";

const oci = () => import("./oci/lifecycle.ts");
const criu = () => import("./oci/checkpoint.ts");
const running = () => import("./oci/running.ts");

/** All commands, including hidden ones. */
// Modules are loaded on demand.
export const COMMANDS: readonly Entry[] = [
  {
    name: "run",
    summary: "Run a command in a new container",
    load: async () => (await import("./run.ts")).runCommand,
  },
  {
    name: "explain",
    summary: "Print the steps of run, create or exec, and why; changes nothing",
    load: async () => (await import("./explain.ts")).explainCommand,
  },
  {
    name: "doctor",
    summary: "Check what this machine supports and how to fix problems",
    load: async () => (await import("./doctor.ts")).doctorCommand,
  },
  {
    name: "create",
    summary: "Create a container from a bundle, without starting its command",
    load: async () => (await oci()).createCommand,
  },
  {
    name: "start",
    summary: "Start a created or stopped container",
    load: async () => (await oci()).startCommand,
  },
  {
    name: "state",
    summary: "Print the state of a container, as JSON",
    load: async () => (await oci()).stateCommand,
  },
  {
    name: "list",
    summary: "List the containers and their states",
    load: async () => (await oci()).listCommand,
  },
  {
    name: "kill",
    summary: "Send a signal to a container's first process",
    load: async () => (await oci()).killCommand,
  },
  {
    name: "delete",
    summary: "Remove a stopped container",
    load: async () => (await oci()).deleteCommand,
  },
  {
    name: "exec",
    summary: "Run a command in an existing container",
    load: async () => (await import("./oci/exec.ts")).execCommand,
  },
  ...DAILY_COMMANDS,
  ...IMAGE_COMMANDS,
  ...NETWORK_COMMANDS,
  {
    name: "pause",
    summary: "Suspend all processes of a container",
    load: async () => (await running()).pauseCommand,
  },
  {
    name: "resume",
    summary: "Resume the processes of a paused container",
    load: async () => (await running()).resumeCommand,
  },
  {
    name: "update",
    summary: "Change the limits of a running container",
    load: async () => (await import("./oci/update.ts")).updateCommand,
  },
  {
    name: "events",
    summary: "Print resource usage and out-of-memory kills, as JSON",
    load: async () => (await running()).eventsCommand,
  },
  {
    name: "checkpoint",
    summary: "Save the processes of a container to files, with criu",
    load: async () => (await criu()).checkpointCommand,
  },
  {
    name: "restore",
    summary: "Restore a container from the files of a checkpoint, with criu",
    load: async () => (await criu()).restoreCommand,
  },
  {
    name: "spec",
    summary: "Write a default config.json, as runc spec does",
    load: async () => (await import("./spec.ts")).specCommand,
  },
  {
    name: "features",
    summary: "Print which OCI runtime features are supported, as JSON",
    load: async () => (await import("./features.ts")).featuresCommand,
  },
  {
    name: "completion",
    summary: "Print a completion script for bash, zsh or fish",
    load: async () =>
      (await import("./shell/completion.ts")).completionCommand(COMMANDS),
  },
  {
    name: "man",
    summary: "Print the manual page of the program or of a command",
    load: async () => (await import("./shell/man.ts")).manCommand(COMMANDS),
  },
  {
    name: "child",
    summary: "Run as the first process of a container; called by run",
    hidden: true,
    load: async () => (await import("./child.ts")).childCommand,
  },
];

// Go programs accept a long flag with one dash, so this program does as well.
const VERSION_WORDS = new Set(["--version", "-version", "-v", "version"]);
const OWN = HELP_WORDS.union(VERSION_WORDS);

/**
 * Carries out a command line and returns the exit status. Errors are thrown.
 */
export async function dispatch(argv: readonly string[]): Promise<number> {
  if (argv[0]?.startsWith("-") && !OWN.has(argv[0])) {
    const { isGlobalFlag, takeGlobalFlags } = await import("./oci/global.ts");
    if (isGlobalFlag(argv[0])) return await dispatch(takeGlobalFlags(argv));
  }
  const [word, ...rest] = argv;
  if (word === undefined || HELP_WORDS.has(word)) {
    const { programHelp } = await import("./program.ts");
    print(programHelp(COMMANDS));
    return 0;
  }
  if (VERSION_WORDS.has(word)) {
    print(`container version ${VERSION}`);
    return 0;
  }
  if (word === "help" && rest.length) {
    return await dispatch([rest[0]!, "--help"]);
  }
  if (word === "help") return await dispatch([]);
  // The grouped form of docker and podman: `container container ls`.
  if (word === "container") return await dispatch(rest);
  const entry = COMMANDS.find(({ name }) => name === word);
  if (!entry) {
    const { commandFor } = await import("./foreign/commands.ts");
    const known = commandFor(word);
    if (known) return await dispatch([known, ...rest]);
    const { unknownWord } = await import("./program.ts");
    throw unknownWord(word, COMMANDS);
  }
  const command = await entry.load();
  try {
    return await command.execute(rest);
  } catch (error) {
    if (error instanceof UnknownFlag) {
      const { adviceOn } = await import("./foreign/other_flags.ts");
      const advice = adviceOn(command.name, error.flag);
      throw advice ? new UsageError(error.message, advice) : error;
    }
    if (!(error instanceof HelpRequested)) throw error;
    print(commandHelp(command));
    return 0;
  }
}

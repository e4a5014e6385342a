/** `container exec`. */

import { exec, type ExecOptions } from "../../containers/oci/exec/exec.ts";
import {
  adjustProcess,
  completeProcess,
} from "../../containers/decide/oci/exec_process.ts";
import { THIS_MACHINE } from "../../containers/world/real_world.ts";
import { requireInherited } from "../../containers/decide/inherited.ts";
import { SpecError, systemReason, UsageError } from "../../spec/errors.ts";
import { MAX_ID, parseId } from "../../spec/ids.ts";
import type { Command } from "../command.ts";
import { type Flag, type Flags, parseFlags } from "../flags.ts";
import { parseStreams } from "../process_values.ts";
import { parsePair } from "../run_values.ts";
import { configReading, globals } from "./global.ts";
import { knownId } from "./id.ts";

/** The flags of `exec`. */
export const EXEC_FLAGS: readonly Flag[] = [
  {
    name: "process",
    short: "p",
    value: "FILE",
    help: "Process to run, as in config.json, instead of a command",
  },
  { name: "detach", short: "d", help: "Return when the command runs" },
  { name: "tty", short: "t", help: "Give it its own terminal" },
  {
    name: "interactive",
    short: "i",
    help: "Has no effect: standard input is always passed on",
  },
  { name: "cwd", value: "DIR", bytes: true, help: "Working directory inside" },
  {
    name: "workdir",
    short: "w",
    value: "DIR",
    bytes: true,
    help: "The same as --cwd",
  },
  {
    name: "env",
    short: "e",
    value: "K=V",
    bytes: true,
    help: "Set a variable",
  },
  {
    name: "user",
    short: "u",
    value: "UID[:GID]",
    help: "Run as this user of the container, a number or a name",
  },
  {
    name: "additional-gids",
    short: "g",
    value: "GID",
    help: "Add a supplementary group, by number",
  },
  { name: "cap", short: "c", value: "NAME", help: "Add a capability" },
  { name: "no-new-privs", help: "Setuid files grant no privileges" },
  { name: "apparmor", value: "PROFILE", help: "AppArmor profile" },
  { name: "process-label", value: "LABEL", help: "SELinux context" },
  { name: "pid-file", value: "FILE", help: "Write its PID to FILE" },
  {
    name: "console-socket",
    value: "PATH",
    help: "Unix socket that receives the terminal, with --detach and --tty",
  },
  {
    name: "pidfd-socket",
    value: "PATH",
    help: "Unix socket that receives its pidfd, before it runs",
  },
  {
    name: "streams",
    value: "MODE",
    help: "Files as standard streams: relay or inherit",
  },
  {
    name: "preserve-fds",
    value: "N",
    help: "Pass N file descriptors, starting with 3",
  },
  {
    name: "cgroup",
    value: "PATH",
    help: "Cgroup below the container's: [CONTROLLER:]PATH",
  },
  {
    name: "no-subreaper",
    help: "Has no effect: orphans are never reaped",
  },
  {
    name: "ignore-paused",
    help: "Accept a paused container; run when it is resumed",
  },
];

/** `container exec`. */
export const execCommand: Command = {
  name: "exec",
  summary: "Run a command in an existing container",
  usage: "[flags] ID COMMAND [ARG…]",
  flags: EXEC_FLAGS,
  examples: [
    ["sudo container exec -it web sh", "a shell in a running container"],
    ["sudo container exec -u 1000 web id", "as another user"],
    [
      "sudo container exec --streams inherit web tac < big.log",
      "pass a seekable file",
    ],
    ["sudo container exec -d -p process.json web", "as engines use it"],
  ],
  async execute(argv) {
    const flags = parseFlags(this.flags, argv, "container exec");
    const options = await execOptions(flags);
    options.id = await knownId(options.id);
    await (await import("../network/mend.ts")).mendNetworks();
    return await exec(globals().store, options);
  },
};

/**
 * The options that the flags and words of `exec` describe.
 *
 * @throws {UsageError}
 */
export async function execOptions(flags: Flags): Promise<ExecOptions> {
  const [id, ...words] = flags.rest;
  const args = commandOf(words);
  const see = "See container exec --help.";
  if (id === undefined) {
    throw new UsageError(
      "container exec needs a container and a command",
      "Example: container exec -it web sh.",
    );
  }
  const file = flags.last("process");
  if (file !== undefined && args.length) {
    throw new UsageError(
      "container exec takes a command or --process, not both",
      see,
    );
  }
  if (file === undefined && !args.length) {
    throw new UsageError(
      "container exec needs a command: process args cannot be empty",
      see,
    );
  }
  return {
    id,
    process: file === undefined
      ? fromFlags(flags, args)
      : await fromFile(flags, file),
    detach: flags.has("detach"),
    pidFile: flags.last("pid-file"),
    consoleSocket: flags.last("console-socket"),
    pidfdSocket: flags.last("pidfd-socket"),
    streams: parseStreams(flags.last("streams")) ??
      (file === undefined ? undefined : "inherit"),
    preserveFds: preserved(flags),
    cgroups: flags.all("cgroup"),
    ignorePaused: flags.has("ignore-paused"),
  };
}

/** The words after the id. A `--` before them is dropped. */
function commandOf(words: readonly string[]): string[] {
  const [first, ...rest] = words;
  if (first === "--") return rest;
  if (first === undefined || !first.startsWith("-")) return [...words];
  throw new UsageError(
    `${first} is in the place of the command: flags of exec go before the ID`,
    "Move the flag before the ID, or put -- before a command with this name.",
  );
}

function fromFlags(flags: Flags, args: string[]): ExecOptions["process"] {
  const cwd = flags.given.findLast(([name]) =>
    name === "cwd" || name === "workdir"
  )?.[1];
  if (cwd !== undefined && !cwd.startsWith("/")) {
    throw new UsageError(
      `--cwd ${cwd}: Cwd must be an absolute path`,
      "It is a path inside the container.",
    );
  }
  const asked = {
    args,
    cwd,
    terminal: flags.has("tty"),
    atTerminal: flags.has("tty") ||
      !flags.has("detach") && THIS_MACHINE.isTerminal(0),
    env: flags.all("env").flatMap((text) => {
      const pair = parsePair("env", text, THIS_MACHINE.variable);
      return pair ? [pair.join("=")] : [];
    }),
    user: flags.last("user"),
    additionalGids: flags.all("additional-gids").flatMap((text) =>
      text.split(",").map((part) => number("additional-gids", part))
    ),
    capabilities: flags.all("cap").flatMap((text) => text.split(",")),
    noNewPrivileges: flags.last("no-new-privs") === undefined
      ? undefined
      : flags.has("no-new-privs"),
    apparmorProfile: flags.last("apparmor"),
    selinuxLabel: flags.last("process-label"),
  };
  return (config, surroundings) => adjustProcess(config, asked, surroundings);
}

/**
 * A process that an engine describes completely. Other flags do not change it,
 * except --tty: some engines request the terminal only by the flag.
 */
async function fromFile(
  flags: Flags,
  file: string,
): Promise<ExecOptions["process"]> {
  const { parseProcess } = await import("../../spec/config.ts");
  const given = parseProcess(readText(file), configReading());
  return (spec) => {
    const process = completeProcess(spec, given);
    if (flags.has("tty")) process.terminal = true;
    return process;
  };
}

function readText(file: string): string {
  try {
    return Deno.readTextFileSync(file);
  } catch (cause) {
    const reason = systemReason(cause);
    throw new SpecError(`Cannot read the process ${file}: ${reason}`, {
      hint: "Name a file that contains the process of a config.json.",
      cause,
    });
  }
}

function preserved(flags: Flags): number {
  const count = number("preserve-fds", flags.last("preserve-fds") ?? "0");
  for (let fd = 3; fd < 3 + count; fd++) {
    requireInherited(`--preserve-fds ${count}`, fd, THIS_MACHINE);
  }
  return count;
}

function number(flag: string, text: string): number {
  const id = parseId(text);
  if (id !== null) return id;
  throw new UsageError(
    `--${flag} ${text}: not a number from 0 to ${MAX_ID}`,
    "See container exec --help.",
  );
}

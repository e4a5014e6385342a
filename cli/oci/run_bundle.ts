/** `container run --bundle`: `run` as in an OCI runtime. */

import { textVariable } from "../../containers/world/text_variable.ts";
import { runBundle } from "../../containers/oci/run.ts";
import { UsageError } from "../../spec/errors.ts";
import { type Command, commandHelp } from "../command.ts";
import { type Flags, HelpRequested, parseFlagsAndNames } from "../flags.ts";
import { print } from "../output.ts";
import { CREATE_FLAGS, createOptions } from "./create_flags.ts";
import { globals } from "./global.ts";
import { idOf } from "./id.ts";

/** The flags of `run --bundle`. */
export const RUN_BUNDLE_FLAGS = [
  ...CREATE_FLAGS,
  {
    name: "detach",
    short: "d",
    help: "Do not wait; `delete` removes the container",
  },
  { name: "keep", help: "Do not delete the container when it ends" },
  {
    name: "no-subreaper",
    help: "Has no effect: orphans are never reaped",
  },
] as const;

/**
 * Whether the words after `run` are for this command: whether `--bundle` is
 * among the flags, and not among the words of the command to run.
 */
export function asksForBundle(argv: readonly string[]): boolean {
  for (let at = 0; at < argv.length; at++) {
    const match = argv[at]!.match(/^--?([a-z][a-z-]*)(=.*)?$/s);
    if (!match) return false;
    const flag = RUN_BUNDLE_FLAGS.find((flag) =>
      flag.name === match[1] || "short" in flag && flag.short === match[1]
    );
    if (!flag) return false;
    if (flag.name === "bundle") return true;
    if ("value" in flag && match[2] === undefined) at++;
  }
  return false;
}

/** The flags; null if help is requested, which differs from that of `run`. */
function flagsOrHelp(argv: readonly string[]): Flags | null {
  try {
    return parseFlagsAndNames(RUN_BUNDLE_FLAGS, argv, "container run --bundle");
  } catch (error) {
    if (error instanceof HelpRequested) return null;
    throw error;
  }
}

/** Creates, starts, waits for and deletes a container of a bundle. */
export const runBundleCommand: Command = {
  name: "run",
  summary: "Run a bundle in a new container, and delete the container",
  usage: "--bundle DIR [flags] ID",
  flags: RUN_BUNDLE_FLAGS,
  examples: [
    [
      "sudo container run --bundle /srv/web web",
      "waits until its command ends",
    ],
    ["sudo container run -b /srv/web --detach web", "followed by delete web"],
  ],
  async execute(argv) {
    const flags = flagsOrHelp(argv);
    if (!flags) {
      print(commandHelp(this));
      return 0;
    }
    const id = idOf(flags, "run");
    const detach = flags.has("detach");
    const options = createOptions(flags, id);
    if (!detach && options.consoleSocket !== undefined) {
      throw new UsageError(
        "cannot use console socket if container will not detach or allocate tty",
        "Add --detach or remove --console-socket.",
      );
    }
    return await runBundle(globals().store, {
      ...options,
      detach,
      notify: textVariable("NOTIFY_SOCKET"),
      keep: flags.has("keep"),
    });
  },
};

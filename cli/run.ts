/** `container run`. Runs on the host, in the process the user started. */

import { requesterIn } from "../containers/decide/requester.ts";
import { findRootFilesystem } from "../containers/run/root_filesystem.ts";
import { requireInherited } from "../containers/decide/inherited.ts";
import { prepare, run } from "../containers/run/run.ts";
import { openStatusLines } from "../containers/run/status_lines.ts";
import { THIS_MACHINE } from "../containers/world/real_world.ts";
import type { Command } from "./command.ts";
import type { Flags } from "./flags.ts";
import { say, stackTraces } from "./output.ts";
import { parseRunFlags } from "./parse_run.ts";
import { isKept, RUN_FLAGS } from "./run_flags.ts";
import { optionsFromFlags } from "./run_options.ts";
import { parseNumber } from "./run_values.ts";

/** Runs a command in a new container. */
export const runCommand: Command = {
  name: "run",
  summary: "Run a command in a new container",
  usage: "[flags] [--] COMMAND [ARG…]",
  flags: RUN_FLAGS,
  examples: [
    ["sudo container run /bin/sh", "a shell inside ./fs"],
    [
      "container run /bin/sh",
      "without root: only you, as root inside",
    ],
    ["sudo container run -q ps", "one command, without other messages"],
    [
      "sudo container run --rootfs /srv/alpine ls -l /",
      "with another root filesystem",
    ],
    ["sudo container run -e NAME=you sh -c 'echo hi $NAME'", "a variable"],
    [
      "sudo container run -q --streams inherit tac < big.log",
      "pass a seekable file",
    ],
    ["sudo container run --bundle /srv/web web", "an OCI bundle"],
    ["container explain run /bin/sh", "show the steps, and why"],
  ],
  async execute(argv) {
    if (argv.some((word) => /^--?b(undle)?(=|$)/.test(word))) {
      const { asksForBundle, runBundleCommand } = await import(
        "./oci/run_bundle.ts"
      );
      if (asksForBundle(argv)) return await runBundleCommand.execute(argv);
    }
    const flags = await parseRunFlags(RUN_FLAGS, argv, "container run");
    stackTraces.shown ||= flags.has("debug");
    const requester = requesterIn(THIS_MACHINE);
    // Report a wrong command line before the root filesystem is looked up.
    const options = optionsFromFlags(flags, requester);
    const kept = isKept(flags) ? await import("./daily/run.ts") : null;
    const detaches = flags.has("detach") ||
      flags.last("detach-keys") !== undefined;
    if (kept && detaches) return await kept.runKept(flags, options);
    const events = statusLines(flags);
    for (let index = 0; index < (options.preserveFds ?? 0); index++) {
      const flag = `--preserve-fd ${options.preserveFds}`;
      requireInherited(flag, 3 + index, requester.world);
    }
    const rootfs = await findRootFilesystem(options.rootfs, requester, { say });
    const how = {
      announce: !flags.has("quiet"),
      debug: stackTraces.shown,
      say,
      events,
    };
    try {
      if (kept) return await kept.runInFront(flags, options, rootfs, how);
      return await run(await prepare({ options, rootfs }, requester), how);
    } catch (error) {
      const { explainRefusal } = await import("../containers/run/refusals.ts");
      throw explainRefusal(error);
    }
  },
};

/** The highest descriptor under the default limit, getrlimit(2). */
const MAX_DESCRIPTOR = 1023;

function statusLines(flags: Flags) {
  const text = flags.last("status-fd");
  if (text === undefined) return undefined;
  return openStatusLines(parseNumber("status-fd", text, [1, MAX_DESCRIPTOR]));
}

/** `container run`. Runs on the host, in the process the user started. */

import { type Requester, requesterIn } from "../containers/decide/requester.ts";
import { findRootFilesystem } from "../containers/run/root_filesystem.ts";
import { requireInherited } from "../containers/decide/inherited.ts";
import { prepare, run } from "../containers/run/run.ts";
import { openStatusLines } from "../containers/run/status_lines.ts";
import type { StartedRun } from "../containers/reuse/keep.ts";
import { logged, ReadLog } from "../containers/world/log.ts";
import { THIS_MACHINE } from "../containers/world/real_world.ts";
import { ownWords, variable } from "../ffi/environment.ts";
import type { Command } from "./command.ts";
import { ContainerError } from "../spec/errors.ts";
import type { Flags } from "./flags.ts";
import { askedFor, withCure } from "./images/run_image.ts";
import { say, stackTraces } from "./output.ts";
import { parseRunFlags } from "./parse_run.ts";
import { isKept, RUN_FLAGS } from "./run_flags.ts";
import { parseNumber } from "./run_values.ts";

/** Runs a command in a new container. */
export const runCommand: Command = {
  name: "run",
  summary: "Run a command in a new container",
  usage: "[flags] [--] [IMAGE] COMMAND [ARG…]",
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
    [
      "sudo container run alpine:3.20 cat /etc/os-release",
      "an image, fetched if it is not here",
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
    const given = await parseRunFlags(RUN_FLAGS, argv, "container run");
    stackTraces.shown ||= given.has("debug");
    const words = ["run", ...argv];
    const log = mayReuse(given, words) ? new ReadLog() : null;
    const requester = requesterIn(
      log ? logged(THIS_MACHINE, log) : THIS_MACHINE,
    );
    const asked = await askedFor(given, requester, {
      explain: false,
      rootfs: () => defaultRoot(requester),
    });
    const { flags, options, image } = asked;
    if (asked.network !== undefined && !flags.has("quiet")) {
      say(`container: the network is ${asked.network}; see --network`);
    }
    const kept = isKept(flags) ? await import("./daily/run.ts") : null;
    const detaches = flags.has("detach") ||
      flags.last("detach-keys") !== undefined;
    if (kept && detaches) {
      try {
        return await kept.runKept(flags, options, image);
      } catch (error) {
        throw withCure(error, asked);
      }
    }
    const events = statusLines(flags);
    for (let index = 0; index < (options.preserveFds ?? 0); index++) {
      const flag = `--preserve-fd ${options.preserveFds}`;
      requireInherited(flag, 3 + index, requester.world);
    }
    const rootfs = image ??
      await findRootFilesystem(options.rootfs, requester, { say });
    const how = {
      announce: !flags.has("quiet"),
      debug: stackTraces.shown,
      say,
      events,
    };
    try {
      if (kept) return await kept.runInFront(flags, options, rootfs, how);
      const request = typeof rootfs === "string"
        ? { options, rootfs }
        : { options, rootfs: rootfs.store, image: rootfs };
      const prepared = await prepare(request, requester);
      if (!log || image) return await run(prepared, how);
      let keeping: Promise<void> | undefined;
      const status = await run(prepared, {
        ...how,
        running() {
          keeping ??= keep({
            ...prepared,
            log,
            world: THIS_MACHINE,
            words,
            announces: how.announce,
          });
        },
      });
      await keeping;
      return status;
    } catch (error) {
      const { explainRefusal } = await import("../containers/run/refusals.ts");
      throw withCure(explainRefusal(error), asked);
    }
  },
};

/**
 * Whether the next run of the same command line may reuse this one's plan: if
 * these words are the whole command line.
 */
const mayReuse = (flags: Flags, words: readonly string[]) =>
  Deno.build.standalone && variable("CONTAINER_REUSE") !== "0" &&
  !["debug", "status-fd"].some((name) => flags.last(name) !== undefined) &&
  // The process of that container is another one the next time.
  !flags.last("network")?.startsWith("container:") &&
  words.length === Deno.args.length &&
  ownWords(Deno.args).every((word, index) => word === words[index]);

async function keep(started: StartedRun): Promise<void> {
  const { keepPlan } = await import("../containers/reuse/keep.ts");
  keepPlan(started);
}

/** The root filesystem of a command; null if there is none. */
async function defaultRoot(requester: Requester): Promise<string | null> {
  try {
    return await findRootFilesystem(undefined, requester, { say });
  } catch (error) {
    if (error instanceof ContainerError) return null;
    throw error;
  }
}

/** The highest descriptor under the default limit, getrlimit(2). */
const MAX_DESCRIPTOR = 1023;

function statusLines(flags: Flags) {
  const text = flags.last("status-fd");
  if (text === undefined) return undefined;
  return openStatusLines(parseNumber("status-fd", text, [1, MAX_DESCRIPTOR]));
}

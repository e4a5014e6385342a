/** `container stop` and `container restart`. */

import { requireOwn } from "../../containers/daily/remove.ts";
import { startAgain } from "../../containers/daily/restart.ts";
import { stop, type StopOptions } from "../../containers/daily/stop.ts";
import type { Command } from "../command.ts";
import { type Flag, type Flags, parseFlagsAndNames } from "../flags.ts";
import { signalNumber } from "../oci/signal.ts";
import { parseNumber } from "../run_values.ts";
import { containersOf, forEach } from "./each.ts";
import { QUIET } from "./format.ts";

const FLAGS: readonly Flag[] = [
  {
    name: "time",
    short: "t",
    value: "SECONDS",
    help: "Time to wait before SIGKILL (10); -1 for no limit",
  },
  { name: "timeout", value: "SECONDS", help: "The same as --time" },
  {
    name: "signal",
    short: "s",
    value: "SIGNAL",
    help: "Signal to send instead of SIGTERM",
  },
  QUIET,
];

/** The longest timeout in seconds: a day. */
const LONGEST = 86_400;

function optionsOf(flags: Flags): StopOptions {
  const time = flags.last("time") ?? flags.last("timeout");
  const signal = flags.last("signal");
  return {
    timeout: time === undefined
      ? undefined
      : parseNumber("time", time, [-1, LONGEST]),
    signal: signal === undefined ? undefined : signalNumber(signal),
  };
}

/** Stops containers. */
export const stopCommand: Command = {
  name: "stop",
  summary: "Stop containers with SIGTERM, or SIGKILL after a timeout",
  usage: "[flags] CONTAINER…",
  flags: FLAGS,
  examples: [
    ["sudo container stop web", "send its stop signal, wait ten seconds"],
    ["sudo container stop -t 1 web db", "stop two, wait one second"],
  ],
  async execute(argv) {
    const flags = parseFlagsAndNames(FLAGS, argv, "container stop");
    const options = optionsOf(flags);
    return await forEach(
      containersOf(flags, "stop"),
      (store, id) => stop(store, id, options),
      { quiet: flags.has("quiet") },
    );
  },
};

/** Stops and starts containers. */
export const restartCommand: Command = {
  name: "restart",
  summary: "Restart containers",
  usage: "[flags] CONTAINER…",
  flags: FLAGS,
  examples: [["sudo container restart web", "like stop, then start"]],
  async execute(argv) {
    const flags = parseFlagsAndNames(FLAGS, argv, "container restart");
    const options = optionsOf(flags);
    return await forEach(
      containersOf(flags, "restart"),
      async (store, id) => {
        const record = store.peek(id);
        const hint = "Only containers of `container run` can be restarted.";
        if (record) requireOwn(record, "restart", hint);
        await stop(store, id, options);
        await startAgain(store, id);
      },
      { quiet: flags.has("quiet") },
    );
  },
};

/**
 * Filters that report system calls: to the parent with `--seccomp learn`, which
 * records each call and lets it continue, or to the agent of a configuration.
 * The reports come from the filter's listener. These steps send the listener to
 * the parent, through a socket that stays open until then.
 */

import type { Spec } from "../../spec/types.ts";
import { PRESERVED_FROM } from "../mounts/host_mounts.ts";
import type { ProcessFacts } from "../facts.ts";
import { holdDescriptors } from "../hold_descriptors.ts";
import type { Step } from "../step.ts";

const keepSocket = (from: number | null, to: number): Step => ({
  step: "keepSocket",
  from,
  to,
  why: from === null
    ? "moved to a number that the command's descriptors do not use: the parent must be reachable after the filter is installed"
    : "moved directly after the command's descriptors, so that all others can be closed; execve also closes it",
  man: "dup(2)",
});

const sendListener = (
  socket: number,
  listener: number,
  notifies: { mark: string } | undefined,
): Step => ({
  step: "sendListener",
  socket,
  listener,
  ...notifies,
  why: notifies
    ? "from here on the agent at linux.seccomp.listenerPath answers"
    : "from here on the parent records every system call and lets it continue; until then the call waits",
  man: "seccomp_unotify(2), unix(7)",
});

/**
 * Steps that keep our descriptors open in the command's process until its
 * execve, by their places among its other steps.
 */
export interface KeptDescriptors {
  /** Steps before all others. */
  first: Step[];
  /** Steps after the command's own descriptors are in place. */
  arranged: Step[];
  /** How many descriptors stay open in addition to those of the command. */
  kept: number;
  /** Steps after the filter. */
  filtered: Step[];
}

const NONE: KeptDescriptors = {
  first: [],
  arranged: [],
  kept: 0,
  filtered: [],
};

/** Keeps the socket for the filter's listener; no steps if no filter reports calls. */
export function keepListenerSocket(
  spec: Spec,
  { seccomp, waits }: ProcessFacts,
): KeptDescriptors {
  if (!seccomp?.learns && !seccomp?.notifies) return NONE;
  const { notifies } = seccomp;
  if (waits) {
    const { status, start } = holdDescriptors(spec);
    return { ...NONE, filtered: [sendListener(status, start + 1, notifies)] };
  }
  const { preserve = 0 } = spec.process;
  const behindGiven = PRESERVED_FROM + preserve;
  // As low as possible: RLIMIT_NOFILE may have been lowered meanwhile.
  const low = 3 + preserve;
  return {
    first: [keepSocket(null, behindGiven)],
    arranged: [keepSocket(behindGiven, low)],
    kept: 1,
    filtered: [sendListener(low, low + 1, notifies)],
  };
}

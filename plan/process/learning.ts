/**
 * `--seccomp learn`: a filter that reports every system call of the command to
 * the parent, which lets it through and notes it down. These are the steps that
 * bring the parent what the reports come from, the filter's listener.
 */

import type { Spec } from "../../spec/types.ts";
import { PRESERVED_FROM } from "../mounts/host_mounts.ts";
import type { Facts } from "../facts.ts";
import { waysOf } from "../hold_descriptors.ts";
import type { Step } from "../step.ts";

const keepSocket = (from: number | null, to: number): Step => ({
  step: "keepSocket",
  from,
  to,
  why: from === null
    ? "where the command's own descriptors will not be: the parent has to be reached once the filter is there"
    : "right behind the command's own descriptors, so that all others can be closed; execve closes it too",
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
    ? "the agent that linux.seccomp.listenerPath names answers from here on"
    : "the parent notes every system call from here on, and lets it through; until it does, the call waits",
  man: "seccomp_unotify(2), unix(7)",
});

/** The steps of the command's process that learning adds, by their places. */
export interface Learning {
  /** Before the first step. */
  first: Step[];
  /** When the command's own descriptors are in place. */
  arranged: Step[];
  /** How many descriptors stay open beside those of the command. */
  kept: number;
  /** After the filter. */
  filtered: Step[];
}

const NONE: Learning = { first: [], arranged: [], kept: 0, filtered: [] };

/** What learning adds; nothing where no filter learns. */
export function learning(spec: Spec, { seccomp, held }: Facts): Learning {
  if (!seccomp?.learns && !seccomp?.notifies) return NONE;
  const { notifies } = seccomp;
  if (held) {
    const { status, start } = waysOf(spec);
    return { ...NONE, filtered: [sendListener(status, start + 1, notifies)] };
  }
  const { preserve = 0 } = spec.process;
  const behindGiven = PRESERVED_FROM + preserve;
  // As low as can be: --ulimit nofile may have been set meanwhile.
  const low = 3 + preserve;
  return {
    first: [keepSocket(null, behindGiven)],
    arranged: [keepSocket(behindGiven, low)],
    kept: 1,
    filtered: [sendListener(low, low + 1, notifies)],
  };
}

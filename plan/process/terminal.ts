/**
 * A terminal of the container's own. Where our program is PID 1 it leads the
 * session that the terminal belongs to, and the command is a process group in
 * that session: one that a Ctrl-Z can stop, since its parent is in the session
 * and not in the group. Where the command is PID 1 it leads the session itself.
 */

import type { Spec } from "../../spec/types.ts";
import type { Facts } from "../facts.ts";
import type { Step } from "../step.ts";

const STDERR = 2;

/** A session of its own, which the caller's terminal has no part in. */
export const makeSession: Step = {
  step: "makeSession",
  why:
    "out of the session and the process group of the terminal it was started from; a session can have a terminal of its own",
  man: "setsid(2), credentials(7)",
};

function openTerminal(
  spec: Spec,
  streams: readonly number[],
  { joins, plainLines }: Facts,
): Step {
  return {
    step: "openTerminal",
    size: spec.process.consoleSize ?? null,
    streams,
    ...(joins ? { console: false } : {}),
    ...(plainLines ? { plainLines } : {}),
    why:
      "a pseudo-terminal of the container's own: nothing typed inside can reach the one it was started from",
    man: "pts(4), ioctl_tty(2) TIOCSCTTY",
  };
}

/**
 * The last step of our program before the command: it opens the terminal. Its
 * own complaints go to where standard error leads; on a terminal that is this
 * one, since the other is in raw mode by then.
 */
export function openChildTerminal(spec: Spec, facts: Facts): Step[] {
  if (!spec.process.terminal || !facts.init) return [];
  return [
    openTerminal(
      spec,
      facts.terminalStreams.filter((fd) => childHas(fd, facts)),
      facts,
    ),
  ];
}

const childHas = (fd: number, facts: Facts) =>
  fd !== STDERR || facts.errorsOnTerminal;

/** The command's way to the terminal: the first of its own steps. */
export function takeOwnTerminal(spec: Spec, facts: Facts): Step[] {
  if (!facts.init) {
    return [makeSession, openTerminal(spec, facts.terminalStreams, facts)];
  }
  const further = facts.terminalStreams.filter((fd) => !childHas(fd, facts));
  return [
    {
      step: "setProcessGroup",
      foreground: true,
      why:
        "the process group that Ctrl-C and Ctrl-Z go to, in the session of PID 1: one that the keys can stop",
      man: "setpgid(2), tcsetpgrp(3)",
    },
    ...(further.length
      ? [
        {
          step: "shareTerminal",
          streams: further,
          why:
            "the terminal was asked for; PID 1 itself goes on complaining where the caller wants it",
          man: "dup(2)",
        } as const,
      ]
      : []),
  ];
}

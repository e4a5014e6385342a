/**
 * A terminal of the container's own. Where our program is PID 1, it leads the
 * session of the terminal, and the command is a process group in that session.
 * Ctrl-Z can stop the group, because the command's parent is in the session but
 * not in the group. Where the command is PID 1, it leads the session itself.
 */

import type { Spec } from "../../spec/types.ts";
import { isDevBound } from "../mounts/devices.ts";
import { PRESERVED_FROM } from "../mounts/host_mounts.ts";
import type { ProcessFacts } from "../facts.ts";
import type { Step } from "../step.ts";

const STDERR = 2;

/**
 * The number under which the terminal's master side is sent to the parent. A
 * message contains a number that has to be known in advance. It must be free in
 * the child, which is a Deno process with descriptors of its own. It is below
 * 64, where the kernel would have to enlarge the descriptor table, unless the
 * command keeps so many descriptors.
 */
const masterOf = ({ process: { preserve = 0 } }: Spec) =>
  Math.max(63, PRESERVED_FROM + preserve);

/** Makes a session that does not belong to the caller's terminal. */
export const makeSession: Step = {
  step: "makeSession",
  why:
    "leaves the session and the process group of the caller's terminal; a new session can have its own terminal",
  man: "setsid(2), credentials(7)",
};

function openTerminal(
  spec: Spec,
  streams: readonly number[],
  { joins, plainLines, terminalSettings: settings }: ProcessFacts,
): Step {
  return {
    step: "openTerminal",
    master: masterOf(spec),
    size: spec.process.consoleSize ?? null,
    streams,
    ...(settings ? { settings } : {}),
    ...(joins
      ? { console: false }
      : isDevBound(spec)
      ? { console: "ifThere" } as const
      : {}),
    ...(plainLines ? { plainLines } : {}),
    why:
      "the container's own pseudo-terminal: programs inside cannot insert input into the caller's terminal",
    man: "pts(4), ioctl_tty(2) TIOCSCTTY",
  };
}

/**
 * Our program, as PID 1, opens the terminal as its last step before the
 * command. Its own messages still go to standard error. If that is a terminal,
 * the new one takes its place, since the caller's is in raw mode by then.
 */
export function openChildTerminal(spec: Spec, facts: ProcessFacts): Step[] {
  if (!spec.process.terminal || !facts.init) return [];
  return [
    openTerminal(
      spec,
      facts.terminalStreams.filter((fd) => childHas(fd, facts)),
      facts,
    ),
  ];
}

const childHas = (fd: number, facts: ProcessFacts) =>
  fd !== STDERR || facts.errorsOnTerminal;

/** The first steps of the command's process: it takes the terminal. */
export function takeOwnTerminal(spec: Spec, facts: ProcessFacts): Step[] {
  if (!facts.init) {
    return [makeSession, openTerminal(spec, facts.terminalStreams, facts)];
  }
  const further = facts.terminalStreams.filter((fd) => !childHas(fd, facts));
  return [
    {
      step: "setProcessGroup",
      foreground: true,
      why:
        "the terminal's foreground process group, in the session of PID 1: Ctrl-C and Ctrl-Z reach the command, and can stop it",
      man: "setpgid(2), tcsetpgrp(3)",
    },
    ...(further.length
      ? [
        {
          step: "shareTerminal",
          streams: further,
          why:
            "the command also writes to its terminal here, but the messages of PID 1 go to the caller's standard error",
          man: "dup(2)",
        } as const,
      ]
      : []),
  ];
}

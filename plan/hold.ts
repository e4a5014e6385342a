/**
 * A container that is created by one command and started by another
 * (runtime-spec, "Lifecycle"): between the two its process waits, with nothing
 * left to do but its execve. What waits is the walker, a few kilobytes.
 */

import { type Ways, waysOf } from "./hold_descriptors.ts";
import type { Spec } from "../spec/types.ts";
import { candidates } from "./process/candidates.ts";
import { PRESERVED_FROM } from "./mounts/host_mounts.ts";
import type { Facts } from "./facts.ts";
import type { Learning } from "./process/learning.ts";
import type { Step } from "./step.ts";

const keep = (from: Ways | null, to: Ways): Step => ({
  step: "keepHold",
  from,
  to,
  why: from === null
    ? "where the command's own descriptors will not be"
    : "right behind the command's own descriptors, so that all others can be closed; execve closes these too",
  man: "dup(2) O_CLOEXEC",
});

/** How the ways to who creates and to who starts stay open until the execve. */
export function holding(spec: Spec): Omit<Learning, "filtered"> {
  const { preserve = 0 } = spec.process;
  const behindGiven = PRESERVED_FROM + preserve;
  const free = { status: behindGiven, start: behindGiven + 1 };
  return {
    first: [keep(null, free)],
    // As low as can be: a limit on descriptors may have been set meanwhile.
    arranged: [keep(free, waysOf(spec))],
    kept: 2,
  };
}

/**
 * How a process that joins a container and is then left alone stays in its
 * maker's view until the execve: that one waits for the end of the socket.
 */
export function watching({ process }: Spec): Omit<Learning, "filtered"> {
  const { preserve = 0 } = process;
  const behindGiven = PRESERVED_FROM + preserve;
  const keepSocket = (from: number | null, to: number): Step => ({
    step: "keepSocket",
    from,
    to,
    why:
      "execve closes it, which tells whoever started it that the command runs",
    man: "dup(2) O_CLOEXEC",
  });
  return {
    first: [keepSocket(null, behindGiven)],
    arranged: [keepSocket(behindGiven, 3 + preserve)],
    kept: 1,
  };
}

/** Tells that it is created, and waits to be started. */
export function hold(spec: Spec, { seccomp }: Pick<Facts, "seccomp">): Step[] {
  const marked = seccomp?.notifies;
  const { args, env } = spec.process;
  const { status, start } = waysOf(spec);
  return [{
    step: "checkCommand",
    candidates: candidates(args[0] ?? "", env),
    argv: args,
    why: "a command that is missing is an error of create, not of start",
    man: "access(2)",
  }, {
    step: "reportReady",
    status,
    ...marked,
    why: "the container is created: the command that creates it may end",
    man: "write(2)",
  }, {
    step: "waitForStart",
    start,
    ...marked,
    why: "the command starts when somebody says so",
    man: "read(2), fifo(7)",
  }];
}

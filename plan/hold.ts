/**
 * The steps of a container that one command creates and another starts
 * (runtime-spec, "Lifecycle"). In between, its process waits with only the
 * execve left to do. The waiting process is the walker, a few kilobytes.
 */

import { type HoldDescriptors, holdDescriptors } from "./hold_descriptors.ts";
import type { Spec } from "../spec/types.ts";
import { candidates } from "./process/candidates.ts";
import { PRESERVED_FROM } from "./mounts/host_mounts.ts";
import type { Facts } from "./facts.ts";
import type { KeptDescriptors } from "./process/learning.ts";
import type { Step } from "./step.ts";

const keepDescriptors = (
  from: HoldDescriptors | null,
  to: HoldDescriptors,
): Step => ({
  step: "keepHold",
  from,
  to,
  why: from === null
    ? "moved to numbers that the command's descriptors do not use"
    : "moved directly after the command's descriptors, so that all others can be closed; execve also closes these",
  man: "dup(2) O_CLOEXEC",
});

/**
 * Keeps the descriptors of the creating and the starting command open until the
 * execve.
 */
export function keepHoldDescriptors(
  spec: Spec,
): Omit<KeptDescriptors, "filtered"> {
  const { preserve = 0 } = spec.process;
  const behindGiven = PRESERVED_FROM + preserve;
  const free = { status: behindGiven, start: behindGiven + 1 };
  return {
    first: [keepDescriptors(null, free)],
    // As low as possible: RLIMIT_NOFILE may have been lowered meanwhile.
    arranged: [keepDescriptors(free, holdDescriptors(spec))],
    kept: 2,
  };
}

/**
 * Keeps a detached process that joins a container connected to its creator
 * until the execve. The creator waits for the socket to close.
 */
export function keepCreatorSocket(
  { process }: Spec,
): Omit<KeptDescriptors, "filtered"> {
  const { preserve = 0 } = process;
  const behindGiven = PRESERVED_FROM + preserve;
  const keepSocket = (from: number | null, to: number): Step => ({
    step: "keepSocket",
    from,
    to,
    why:
      "execve closes this socket, which shows the caller that the command runs",
    man: "dup(2) O_CLOEXEC",
  });
  return {
    first: [keepSocket(null, behindGiven)],
    arranged: [keepSocket(behindGiven, 3 + preserve)],
    kept: 1,
  };
}

/** Reports that the container is created, and waits until it is started. */
export function waitForStart(
  spec: Spec,
  { seccomp }: Pick<Facts, "seccomp">,
): Step[] {
  const marked = seccomp?.notifies;
  const { args, env } = spec.process;
  const { status, start } = holdDescriptors(spec);
  return [{
    step: "checkCommand",
    candidates: candidates(args[0] ?? "", env),
    argv: args,
    why: "a missing command is an error of create, not of start",
    man: "access(2)",
  }, {
    step: "reportReady",
    status,
    ...marked,
    why: "the container is created, so the command that created it can end",
    man: "write(2)",
  }, {
    step: "waitForStart",
    start,
    ...marked,
    why: "the command runs when another command starts the container",
    man: "read(2), fifo(7)",
  }];
}

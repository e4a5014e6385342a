/**
 * Standard streams that are files of the host. Docker and podman never pass
 * such a file to a command; bubblewrap does. Through its descriptor the command
 * could reopen the file for writing, truncate it or change its mode, and no
 * mount or namespace prevents that. So the command gets a pipe, and the parent
 * copies.
 */

import type { ProcessFacts, RelayedStream } from "../facts.ts";
import type { StepOf } from "../step.ts";

const NAMES = ["input", "output", "error"];

/** The names of descriptors, as `standard output and standard error`. */
export const streamNames = (descriptors: readonly number[]): string =>
  descriptors.map((fd) => `standard ${NAMES[fd]}`).join(" and ");

/** The host steps that replace each file by a pipe. */
export const relayStreams = (
  { relayedStreams }: ProcessFacts,
): StepOf<"relayStream">[] =>
  relayedStreams.map(({ descriptors }) => ({
    step: "relayStream",
    descriptors,
    input: isInput({ descriptors }),
    why: isInput({ descriptors })
      ? "the command reads from a pipe that the parent fills: through a descriptor of the host's file it could reopen that file and write to it"
      : "the command writes to a pipe that the parent empties: through a descriptor of the host's file it could truncate it, read it or make it setuid",
    man: "pipe(7), proc_pid_fd(5), fchmod(2)",
    undo: "kernel",
  }));

/** Whether the command reads from the pipe. */
export const isInput = ({ descriptors }: RelayedStream): boolean =>
  descriptors[0] === 0;

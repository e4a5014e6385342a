/**
 * Standard streams that are files of the host. Docker and podman hand none of
 * them to a command, and bubblewrap does: through the descriptor of a file the
 * command could open it anew for writing, cut it off, or change its mode, and no
 * mount and no namespace is between. So it has a pipe, and the parent copies.
 */

import type { Facts, RelayedStream } from "../facts.ts";
import type { Step } from "../step.ts";

const NAMES = ["input", "output", "error"];

/** `standard output and standard error`, by number. */
export const streamNames = (descriptors: readonly number[]): string =>
  descriptors.map((fd) => `standard ${NAMES[fd]}`).join(" and ");

/** In the host phase: a pipe in the place of each, and who copies. */
export const relayStreams = ({ relayedStreams }: Facts): Step[] =>
  relayedStreams.map(({ descriptors }) => ({
    step: "relayStream",
    descriptors,
    input: isInput({ descriptors }),
    why: isInput({ descriptors })
      ? "the command reads a pipe that the parent fills: through the descriptor of a file it could open the host's file anew, and write to it"
      : "the command writes to a pipe that the parent empties: a file of the host that it holds it could cut off, read, or make setuid",
    man: "pipe(7), proc_pid_fd(5), fchmod(2)",
  }));

/** Whether the command reads from it. */
export const isInput = ({ descriptors }: RelayedStream): boolean =>
  descriptors[0] === 0;

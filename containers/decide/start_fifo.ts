/** The FIFO at which a created container waits for its start. Pure. */

import type { HostStep } from "../../plan/step.ts";

/** Its path, by the container's own directory. */
export const fifoIn = (directory: string): string => `${directory}/start.fifo`;

/** Makes it. */
export const startFifo = (directory: string): HostStep => ({
  step: "makeFifo",
  path: fifoIn(directory),
  why: "the first process waits at it until it may execute the command",
  man: "fifo(7)",
  undo: [{ undo: "removeRecord" }],
});

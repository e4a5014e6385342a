/**
 * The messages of a new process to its parent: single bytes through its status
 * socket.
 */

import { TERMINAL_NEWS } from "./descriptors.ts";

/** Messages from the child. */
export const NEWS = {
  running: 1,
  stopped: 2,
  /** The command stopped because it used the terminal from the background. */
  wantsTerminal: 3,
  /** Sent with the container's terminal. */
  terminal: TERMINAL_NEWS,
  /** Sent with the seccomp listener (--seccomp learn). */
  listener: 5,
  /** The hooks of createContainer may run; the process waits meanwhile. */
  hooks: 6,
  /** A native PID 1 could not go on; FAILURE of launch/handover_layout.ts. */
  failed: 7,
} as const;

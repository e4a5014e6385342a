/** What a new process tells its parent: single bytes through its status socket. */

import { TERMINAL_NEWS } from "./descriptors.ts";

/** Bytes from the child. */
export const NEWS = {
  running: 1,
  stopped: 2,
  /** Stopped, too: it used the terminal from the background. */
  wantsTerminal: 3,
  /** With it comes the container's terminal. */
  terminal: TERMINAL_NEWS,
  /** With it comes what hears of every system call (--seccomp learn). */
  listener: 5,
  /** The hooks of createContainer may run; it waits meanwhile. */
  hooks: 6,
} as const;

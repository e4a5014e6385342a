/**
 * The steps that only the processes of a sandbox carry out: its first process,
 * which holds the namespaces open while commands join them, and the helper that
 * works on its files. Only types.
 */

import type { HostKinds } from "./host_kinds.ts";

/** The fields of each kind of step that is not in plan/step.ts. */
export type FurtherKinds = HostKinds & SandboxKinds;

/** The fields of each kind of step, besides `why` and `man`. */
export type SandboxKinds = {
  /**
   * write(2) to the creating process, sigaction(2) SIG_IGN of SIGCHLD, and then
   * ppoll(2) for ever.
   */
  idle: {
    /** The socket to the creating process, which is closed after the message. */
    socket: number;
  };
  /** execveat(2) of the helper's program, which was passed as a descriptor. */
  serveFiles: { program: number };
};

/** A system call in a transcript, and the process that makes it. Only types. */

/** The process that makes a call. */
export type Process =
  /** The process that the user started. */
  | "parent"
  /** Started by the parent; it ends after it has created the next process. */
  | "walker"
  /** PID 1, if this program runs as PID 1. */
  | "child"
  /**
   * The process that becomes the user's command. Without `init` it is PID 1.
   */
  | "command"
  /** The walker that creates a user namespace for an id mapping. */
  | "mapper"
  /** Stays in that namespace until the parent has opened it. */
  | "mapped"
  | "newuidmap"
  | "newgidmap";

/** One system call. */
export interface TracedCall {
  process: Process;
  /** The call with its result, in strace's notation. */
  text: string;
}

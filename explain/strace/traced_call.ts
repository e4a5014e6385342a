/** A call in a transcript, and the process that makes it. */

/** Who makes a call, each a process of its own. */
export type Process =
  /** The one that the user started. */
  | "parent"
  /** What the parent starts; ends when it has made the next one. */
  | "walker"
  /** PID 1 with our program in it. */
  | "child"
  /** What becomes the user's command; PID 1 itself without our program. */
  | "command"
  /** The walker that makes a user namespace for a mapping of ids. */
  | "mapper"
  /** Who is in that namespace until the parent has it open. */
  | "mapped"
  | "newuidmap"
  | "newgidmap";

/** One call. */
export interface TracedCall {
  process: Process;
  /** In strace's notation, with its result. */
  text: string;
}

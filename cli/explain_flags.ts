/** The flags of `explain`, and the type of its subject. */

import type { Explained } from "../explain/text.ts";
import type { Flag, Flags } from "./flags.ts";

/**
 * The flags of `explain` itself, accepted before and after the explained
 * command.
 */
export const EXPLAIN_FLAGS: readonly Flag[] = [
  {
    name: "json",
    help: "Print the plan as JSON; with --strace, including the calls",
  },
  { name: "strace", help: "Print the system calls in the format of strace -f" },
];

/** What to explain, and the flags of the command. */
export interface Asked extends Explained {
  flags: Flags;
}

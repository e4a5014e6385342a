/** What `explain` is asked. */

import type { CgroupPlan } from "../cgroup/step.ts";
import type { Explained } from "../explain/text.ts";
import type { Flag, Flags } from "./flags.ts";

/** Those of `explain` itself, before the command or after it. */
export const EXPLAIN_FLAGS: readonly Flag[] = [
  {
    name: "json",
    help: "Print the plan as JSON; with --strace, calls and all",
  },
  { name: "strace", help: "Print the system calls as strace -f shows them" },
];

/** What is to be explained, and the flags of the command. */
export interface Asked extends Explained {
  flags: Flags;
  cgroup: CgroupPlan | null;
}

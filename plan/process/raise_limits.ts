/**
 * Limits above those of the caller. Raising a hard limit needs CAP_SYS_RESOURCE
 * in the initial user namespace, which no process has in another one. So hard
 * limits are raised before a user namespace is entered. The command's own
 * limits are still set among its last steps.
 */

import type { ProcessFacts } from "../facts.ts";
import { exactly } from "./rlimits.ts";
import type { Step } from "../step.ts";

/** The steps before a user namespace is entered. */
export const raiseLimits = ({ raisedLimits }: ProcessFacts): Step[] =>
  raisedLimits.map(({ type, hard }) => ({
    step: "setRlimit",
    ...exactly({ type, soft: hard, hard }),
    why:
      "the command's limit is above the caller's, and inside the user namespace no process has the capability to raise it",
    man: "setrlimit(2), CAP_SYS_RESOURCE",
  }));

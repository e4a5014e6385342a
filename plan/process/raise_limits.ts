/**
 * Limits above those of who starts the container. To raise a hard limit takes
 * CAP_SYS_RESOURCE in the first user namespace, which nobody has in another: so
 * it is done before one is entered, and the command's own limits are set among
 * its last steps as ever.
 */

import type { Facts } from "../facts.ts";
import type { Step } from "../step.ts";

/** Before a user namespace is entered. */
export const raiseLimits = ({ raisedLimits }: Facts): Step[] =>
  raisedLimits.map(({ type, hard }) => ({
    step: "setRlimit",
    type,
    soft: hard,
    hard,
    why:
      "the command is to have more of it than we do, which takes a right that ends at the user namespace",
    man: "setrlimit(2), CAP_SYS_RESOURCE",
  }));

/** The headings of the parts of a printed plan. Pure. */

import { WITH_PROCESS } from "../plan/host_kinds.ts";
import { inOrder } from "./steps/order.ts";
import type { Phase, Plan } from "../plan/step.ts";

const WHERE: Record<Phase, string> = {
  host: "the parent, on the host",
  launch: "the walker, on the way from the host to the new namespaces",
  container: "the child: this program again, as PID 1 of the container",
  process: "a second walker, in the process that becomes the command",
  cleanup: "the child, after the command has ended",
};

/**
 * The process that carries out a phase. Without `init` the walker does the work
 * of the child.
 */
function where(plan: Plan, phase: Phase): string {
  if (plan.init) return WHERE[phase];
  if (phase === "container") return "the same walker, in the new namespaces";
  return phase === "process"
    ? "the same walker, which becomes the command"
    : WHERE[phase];
}

/** The heading above the step with this number, if its phase begins there. */
export function headingOf(plan: Plan, phase: Phase, number: number): string {
  const ordered = inOrder(plan)[number - 1];
  const isLater = phase === "host" && ordered &&
    WITH_PROCESS.has(ordered.step.step);
  return `${phase}, by ${where(plan, phase)}${
    isLater ? ", now that the first process exists" : ""
  }`;
}

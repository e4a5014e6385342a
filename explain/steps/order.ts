/** The order in which the steps of a plan happen. Pure. */

import { WITH_PROCESS } from "../../plan/host_kinds.ts";
import { type Phase, PHASES, type Plan, type Step } from "../../plan/step.ts";

/** A step and its phase. */
export interface Ordered {
  phase: Phase;
  step: Step;
}

/**
 * All steps in the order of execution. It is the order of the phases, except
 * for the steps of the host phase that need the first process: the parent
 * carries them out as soon as the launch phase has created it.
 */
export function inOrder(plan: Plan): Ordered[] {
  const isLater = ({ phase, step }: Ordered) =>
    phase === "host" && WITH_PROCESS.has(step.step);
  const all = PHASES.flatMap((phase) =>
    plan[phase].map((step): Ordered => ({ phase, step }))
  );
  const later = all.filter(isLater);
  const rest = all.filter((ordered) => !isLater(ordered));
  const born = rest.findIndex(({ step }) => step.step === "clone");
  return rest.toSpliced(born + 1 || rest.length, 0, ...later);
}

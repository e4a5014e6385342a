/** A plan's steps, numbered, each with what it needs: what every form of explain prints. Pure. */

import { lower } from "../launch/lower/lower.ts";
import { type Needs, needsOf, placeSteps } from "./steps/needs.ts";
import type { Phase, Plan, Step } from "../plan/step.ts";

/** One step of a plan. */
export interface ExplainedStep {
  number: number;
  phase: Phase;
  step: Step;
  needs: Needs;
}

/** Deno makes these for us: a step on the host is not lowered. */
const HOST_CALLS: Partial<Record<Step["step"], string[]>> = {
  mapIds: ["openat", "write"],
  mapMount: ["open_tree", "mount_setattr"],
  copyUp: ["fsopen", "fsconfig", "fsmount"],
  mountImage: ["fsopen", "fsconfig", "fsmount"],
  makeCgroup: ["mkdir", "openat", "write"],
};

/** The system calls of a step by name, each once. */
function callsOf(step: Step): string[] {
  const names = lower(step).map(({ name }) => name)
    .filter((name) => name !== "compare" && name !== "fail");
  return HOST_CALLS[step.step] ?? [...new Set<string>(names)];
}

/** All of a plan, in order. */
export function explainSteps(plan: Plan): ExplainedStep[] {
  return placeSteps(plan).map(({ phase, step, userNamespace }, index) => ({
    number: index + 1,
    phase,
    step,
    needs: needsOf(step, { userNamespace, calls: callsOf(step) }),
  }));
}

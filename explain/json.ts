/** Formats a plan as JSON for programs. Pure. */

import { transcribe } from "./strace/transcript.ts";
import { PHASES } from "../plan/step.ts";
import {
  type Explained,
  type ExplainedStep,
  explainSteps,
} from "./explained.ts";

/** A step with its place in the plan. */
export const inJson = (
  { number, idea, phase, step, needs }: ExplainedStep,
) => ({
  number,
  idea,
  phase,
  ...step,
  needs,
});

/**
 * The phases with their steps. Each step has `needs` and, on request, `calls`.
 */
export function asJson(
  explained: Explained,
  { calls }: { calls: boolean },
): string {
  const { plan, args, leftOut, keeper } = explained;
  const traced = new Map(
    calls ? transcribe(plan).map((step) => [step.number, step.calls]) : [],
  );
  const steps = explainSteps(explained).map((
    { number, phase, step, needs },
  ) => ({
    phase,
    step: { ...step, needs, ...(calls ? { calls: traced.get(number) } : {}) },
  }));
  return JSON.stringify(
    {
      command: args,
      leftOut,
      init: plan.init,
      ...(keeper ? { keeper } : {}),
      ...Object.fromEntries(PHASES.map((phase) => [
        phase,
        steps.filter((entry) => entry.phase === phase)
          .map(({ step }) => step),
      ])),
    },
    null,
    2,
  );
}

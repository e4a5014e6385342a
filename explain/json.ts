/** Formats a plan as JSON for programs. Pure. */

import { transcribe } from "./strace/transcript.ts";
import { PHASES } from "../plan/step.ts";
import type { Explained } from "./text.ts";
import { explainSteps } from "./explained.ts";

/**
 * The phases with their steps. Each step has `needs` and, on request, `calls`.
 */
export function asJson(
  { plan, args, leftOut }: Explained,
  { calls }: { calls: boolean },
): string {
  const traced = new Map(
    calls ? transcribe(plan).map((step) => [step.number, step.calls]) : [],
  );
  const steps = explainSteps(plan).map(({ number, phase, step, needs }) => ({
    phase,
    step: { ...step, needs, ...(calls ? { calls: traced.get(number) } : {}) },
  }));
  return JSON.stringify(
    {
      command: args,
      leftOut,
      init: plan.init,
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

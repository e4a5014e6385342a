/**
 * Compiled plans, kept within one process of a program that runs the same
 * container again and again. A plan is a function of its Spec and Facts, and of
 * nothing else; so is what it is compiled to.
 */

import { walkedSteps } from "../../launch/container.ts";
import { compileSteps, type Program } from "../../launch/program.ts";
import { compile } from "../../plan/compile.ts";
import type { Facts } from "../../plan/facts.ts";
import { hostMountsOf } from "../../plan/mounts/host_mounts.ts";
import type { Plan } from "../../plan/step.ts";
import type { Spec } from "../../spec/types.ts";

/** A plan and what the walker is given of it. */
export interface Compiled {
  plan: Plan;
  program: Program;
}

/** Some 50 KiB each. */
const LIMIT = 16;
/** The one used last stands last. */
const kept = new Map<string, Compiled>();

/** The plan of a container, compiled for the walker; as before for the same. */
export function compileOnce(spec: Spec, facts: Facts): Compiled {
  const key = keyOf(spec, facts);
  if (key === null) return compileBoth(spec, facts);
  const compiled = kept.get(key) ?? compileBoth(spec, facts);
  kept.delete(key);
  kept.set(key, compiled);
  if (kept.size > LIMIT) kept.delete(kept.keys().next().value!);
  return compiled;
}

/** All that a plan depends on; null for what is not to be kept. */
function keyOf(spec: Spec, facts: Facts): string | null {
  // A cgroup has a name of its own each time; what the host hands over is made
  // for one container.
  const own = facts.cgroup || facts.cgroupEntry ||
    hostMountsOf(spec, facts).size;
  // JSON has no bigint.
  const exact = spec.process.rlimits?.some(({ soft, hard }) =>
    typeof soft === "bigint" || typeof hard === "bigint"
  );
  return own || exact ? null : JSON.stringify([spec, facts]);
}

function compileBoth(spec: Spec, facts: Facts): Compiled {
  const plan = compile(spec, facts);
  return { plan, program: compileSteps(walkedSteps(plan)) };
}

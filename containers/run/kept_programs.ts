/**
 * Caches compiled plans in the process of a program that runs the same
 * container repeatedly. Runs on the host, in that program's process. A plan
 * depends only on its Spec and Facts, and so does the compiled form.
 */

import { walkedSteps } from "../../launch/container.ts";
import { compileSteps, type Program } from "../../launch/program.ts";
import { compile } from "../../plan/compile.ts";
import type { Facts } from "../../plan/facts.ts";
import { hostMountsOf } from "../../plan/mounts/host_mounts.ts";
import type { Plan } from "../../plan/step.ts";
import { exactText } from "../../spec/exact_json.ts";
import type { Spec } from "../../spec/types.ts";

/** A plan, and its part that the walker carries out in compiled form. */
export interface Compiled {
  plan: Plan;
  program: Program;
}

/** How many are cached, about 50 KiB each. */
const LIMIT = 16;
/** The most recently used entry is the last one. */
const kept = new Map<string, Compiled>();

/**
 * The compiled plan of a container: the cached one for the same Spec and Facts.
 */
export function compileOnce(spec: Spec, facts: Facts): Compiled {
  const key = keyOf(spec, facts);
  if (key === null) return compileBoth(spec, facts);
  const compiled = kept.get(key) ?? compileBoth(spec, facts);
  kept.delete(key);
  kept.set(key, compiled);
  if (kept.size > LIMIT) kept.delete(kept.keys().next().value!);
  return compiled;
}

/** Everything that a plan depends on, as a key; null if it cannot be cached. */
function keyOf(spec: Spec, facts: Facts): string | null {
  // A cgroup has a new name each time, and host mounts are made for one
  // container.
  const own = facts.hostSteps.length || facts.cgroupEntry ||
    hostMountsOf(spec, facts).size;
  return own ? null : exactText([spec, facts]);
}

function compileBoth(spec: Spec, facts: Facts): Compiled {
  const plan = compile(spec, facts);
  return { plan, program: compileSteps(walkedSteps(plan)) };
}

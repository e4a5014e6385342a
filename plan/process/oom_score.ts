/**
 * How soon the kernel kills the command when memory runs out. Inherited by who
 * is born, so it can be set wherever its file can be written.
 */

import type { Spec } from "../../spec/types.ts";
import type { Facts } from "../facts.ts";
import { hasNamespace } from "../namespaces.ts";
import type { Step } from "../step.ts";

/**
 * In a user namespace the walker's files in /proc are the real root's, as those
 * of every process are that is not dumpable: it has to be done before.
 */
const isEarly = (spec: Spec, { init }: Facts) =>
  !init && hasNamespace(spec, "user");

function oomScore({ process: { oomScoreAdj } }: Spec): Step[] {
  if (oomScoreAdj === undefined) return [];
  return [{
    step: "setOomScore",
    score: oomScoreAdj,
    why: "how soon the kernel kills it when memory runs out",
    man: "proc_pid_oom_score_adj(5)",
  }];
}

/** Before a user namespace is entered. */
export const earlyOomScore = (spec: Spec, facts: Facts): Step[] =>
  isEarly(spec, facts) ? oomScore(spec) : [];

/** Among the last steps before the command. */
export const lateOomScore = (spec: Spec, facts: Facts): Step[] =>
  isEarly(spec, facts) ? [] : oomScore(spec);

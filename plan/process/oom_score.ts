/**
 * The OOM score: how likely the kernel is to kill the command when memory runs
 * out. Children inherit it, so it can be set at any step at which its file can
 * be written.
 */

import type { Spec } from "../../spec/types.ts";
import type { ProcessFacts } from "../facts.ts";
import { hasNamespace } from "../namespaces.ts";
import type { Step } from "../step.ts";

/**
 * In a user namespace, the walker's files in /proc belong to the host's root,
 * like those of every non-dumpable process. So the score is set before.
 */
const isEarly = (spec: Spec, { init }: ProcessFacts) =>
  !init && hasNamespace(spec, "user");

function oomScore({ process: { oomScoreAdj } }: Spec): Step[] {
  if (oomScoreAdj === undefined) return [];
  return [{
    step: "setOomScore",
    score: oomScoreAdj,
    why: "how likely the kernel kills the command when memory runs out",
    man: "proc_pid_oom_score_adj(5)",
  }];
}

/** The step before a user namespace is entered. */
export const earlyOomScore = (spec: Spec, facts: ProcessFacts): Step[] =>
  isEarly(spec, facts) ? oomScore(spec) : [];

/** The step among the last before the command. */
export const lateOomScore = (spec: Spec, facts: ProcessFacts): Step[] =>
  isEarly(spec, facts) ? [] : oomScore(spec);

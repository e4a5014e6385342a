/**
 * Finds out whether setgroups(2) is denied in a user namespace that no process
 * shows, such as a bind mount: a process of the walker enters it and tries.
 * Changes nothing else. Runs on the host, in the parent.
 */

import { ERRNO } from "../../ffi/errno.ts";
import { wait } from "../../ffi/wait.ts";
import { compileSteps } from "../../launch/program.ts";
import { walk } from "../../launch/walker.ts";
import type { Step } from "../../plan/step.ts";

/**
 * Whether a process that enters the user namespace at this path may not change
 * its groups, user_namespaces(7). False if the namespace cannot be entered
 * either.
 */
export function entersWithoutGroups(path: string): boolean {
  const steps = triesGroups(path);
  const program = compileSteps(steps);
  using walking = walk(program, () => steps);
  wait(walking.pid);
  const { failure } = walking.outcome();
  const [joined] = program.counts;
  return failure !== null && failure.index === joined &&
    failure.errno === ERRNO.EPERM;
}

const triesGroups = (path: string): Step[] => [
  {
    step: "joinNamespaces",
    namespaces: [{ type: "user", path }],
    why: "its rules apply to processes in it",
    man: "setns(2)",
  },
  {
    step: "setIds",
    uid: 0,
    gid: 0,
    groups: [],
    why: "EPERM shows that its groups cannot be changed",
    man: "setgroups(2), user_namespaces(7)",
  },
];

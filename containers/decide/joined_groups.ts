/**
 * Finds out whether setgroups(2) is denied in a user namespace that the
 * container joins. Only reads and decides; changes nothing. If only a process
 * inside can tell, it starts one by the walker and waits for it. Runs on the
 * host, in the parent.
 */

import { ERRNO } from "../../ffi/errno.ts";
import { wait } from "../../ffi/wait.ts";
import { compileSteps } from "../../launch/program.ts";
import { walk } from "../../launch/walker.ts";
import type { Step } from "../../plan/step.ts";
import { deniesSetgroups, PROCESS_USER_NAMESPACE } from "./id_ranges.ts";

/**
 * Whether setgroups(2) is denied in the user namespace at this path,
 * user_namespaces(7). False if the namespace cannot be entered either.
 */
export function joinedDenies(path: string): boolean {
  if (PROCESS_USER_NAMESPACE.test(path)) return deniesSetgroups(path);
  // A bind mount of a namespace may have no process to ask, so a process of
  // this program enters it.
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

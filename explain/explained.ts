/**
 * Numbers the steps of a plan and adds what each needs: the data that every
 * format of explain prints. Pure.
 */

import { lower } from "../launch/lower/lower.ts";
import { type Idea, ideaOf } from "./ideas.ts";
import type { Keeping } from "./keeper.ts";
import { type Needs, needsOf, placeSteps } from "./steps/needs.ts";
import type { Phase, Plan, Step } from "../plan/step.ts";

/** The plan to explain. */
export interface Explained {
  /** The command of `container` that has this plan, for example `run`. */
  command: string;
  plan: Plan;
  /** The command inside and its arguments. */
  args: readonly string[];
  /** What the container cannot have, one sentence each. */
  leftOut: readonly string[];
  /** The keeper of a container in the background. */
  keeper?: Keeping;
}

/** One step of a plan. */
export interface ExplainedStep {
  /** Its place in the order of execution, from 1. */
  number: number;
  idea: Idea;
  phase: Phase;
  step: Step;
  needs: Needs;
}

/**
 * The system calls of host steps that Deno or launch/host makes. They are not
 * lowered.
 */
const HOST_CALLS: Partial<Record<Step["step"], string[]>> = {
  mapIds: ["openat", "write"],
  mapMount: ["open_tree", "mount_setattr"],
  copyUp: ["fsopen", "fsconfig", "fsmount"],
  mountImage: ["fsopen", "fsconfig", "fsmount"],
  recordUndos: ["mkdir", "openat", "write", "rename"],
  makeDirectory: ["mkdir"],
  takeCgroup: ["lstat"],
  writeHostFile: ["openat", "write"],
  fillCpuset: ["openat", "write"],
  attachDevices: ["bpf"],
  giveCgroup: ["chown"],
  startScope: ["mkdir", "openat", "write"],
  keepChanges: ["openat", "flock", "mkdir", "write", "chown", "chmod"],
  keepUses: ["openat", "flock", "mkdir", "write"],
  makeVolume: ["openat", "flock", "mkdir", "write", "chmod"],
  makeFifo: ["mknodat"],
  joinClass: ["openat", "write"],
  moveDevice: ["sendto"],
  recordNetwork: ["mkdir", "openat", "write", "rename"],
  joinNetwork: ["openat", "flock", "write", "rename", "symlink"],
  makeBridge: ["sendto"],
  filterNetwork: ["sendto"],
  allowForwarding: ["openat", "write"],
  makeHosts: ["openat", "write"],
  startResolver: ["setns", "socket", "bind", "sendto", "sendmsg"],
  attachLink: ["sendto"],
  reservePorts: ["memfd_create", "bind", "listen", "write"],
  publishPorts: ["sendto"],
  startRelay: ["pidfd_open", "sendmsg"],
  changeHosts: ["openat", "write"],
  detachLink: ["sendto"],
  startWayOut: ["posix_spawn"],
  writeIdFile: ["openat", "write"],
  writePidFile: ["openat", "write", "rename"],
  reserveEnd: ["rename", "openat", "write"],
  reserveProfile: ["openat"],
};

/** The names of a step's system calls, without duplicates. */
function callsOf(step: Step): string[] {
  const names = lower(step).map(({ name }) => name)
    .filter((name) => name !== "compare" && name !== "fail");
  return HOST_CALLS[step.step] ?? [...new Set<string>(names)];
}

/** All steps of a plan, in the order of execution. */
export function explainSteps(
  { plan, keeper }: Pick<Explained, "plan" | "keeper">,
): ExplainedStep[] {
  const placed = placeSteps(plan);
  const steps = placed.map(({ step }) => step);
  return placed.map(({ phase, step, userNamespace }, index) => ({
    number: index + 1,
    idea: ideaOf(step, { phase, steps, kept: keeper !== undefined }),
    phase,
    step,
    needs: needsOf(step, { userNamespace, calls: callsOf(step) }),
  }));
}

/** The steps to print: all, or those of some ideas and numbers. */
export interface Part {
  ideas: readonly Idea[];
  /** The first and the last number of each range. */
  ranges: readonly (readonly [first: number, last: number])[];
}

/** Whether a step is to be printed. Without a part every step is. */
export const isPartOf = (
  { idea, number }: Pick<ExplainedStep, "idea" | "number">,
  part: Part | undefined,
): boolean =>
  !part || part.ideas.includes(idea) ||
  part.ranges.some(([first, last]) => first <= number && number <= last);

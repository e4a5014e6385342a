/**
 * Numbers the steps of a plan and adds what each needs: the data that every
 * format of explain prints. Pure.
 */

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
  makeFifo: ["mknodat"],
  joinClass: ["openat", "write"],
  moveDevice: ["sendto"],
  writeIdFile: ["openat", "write"],
  writePidFile: ["openat", "write", "rename"],
};

/** The names of a step's system calls, without duplicates. */
function callsOf(step: Step): string[] {
  const names = lower(step).map(({ name }) => name)
    .filter((name) => name !== "compare" && name !== "fail");
  return HOST_CALLS[step.step] ?? [...new Set<string>(names)];
}

/** All steps of a plan, in order. */
export function explainSteps(plan: Plan): ExplainedStep[] {
  return placeSteps(plan).map(({ phase, step, userNamespace }, index) => ({
    number: index + 1,
    phase,
    step,
    needs: needsOf(step, { userNamespace, calls: callsOf(step) }),
  }));
}

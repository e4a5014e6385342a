/**
 * Steps to system calls: the one place where `MS_BIND` becomes 4096. What this
 * returns is what either executor does and what `explain` shows.
 */

import type { Lowering } from "./lowering.ts";
import type { Step, StepKind } from "../../plan/step.ts";
import type { Instruction } from "../bytecode/call.ts";
import { lowerDevices } from "./devices.ts";
import { lowerLearning } from "./learning.ts";
import { lowerFiles } from "./files.ts";
import { lowerLandlock } from "./landlock.ts";
import { lowerHooks } from "./hooks.ts";
import { lowerHold } from "./hold.ts";
import { lowerJoin } from "./join.ts";
import { lowerMounts } from "./mounts.ts";
import { lowerNamespaces } from "./namespaces.ts";
import { lowerProcess } from "./process.ts";
import { lowerSchedule } from "./schedule.ts";
import { lowerSeals } from "./seals.ts";
import { lowerStreams } from "./streams.ts";
import { lowerTerminal } from "./terminal.ts";

/** What the parent does on the host by itself: no system calls of a plan. */
const HOST: Lowering<
  | "mapIds"
  | "mapMount"
  | "mountImage"
  | "copyUp"
  | "makeCgroup"
  | "relayStream"
> = {
  mapIds: () => [],
  mapMount: () => [],
  mountImage: () => [],
  copyUp: () => [],
  makeCgroup: () => [],
  relayStream: () => [],
};

const LOWERING: Lowering<StepKind> = {
  ...HOST,
  ...lowerNamespaces,
  ...lowerFiles,
  ...lowerLandlock,
  ...lowerMounts,
  ...lowerDevices,
  ...lowerSeals,
  ...lowerProcess,
  ...lowerStreams,
  ...lowerLearning,
  ...lowerTerminal,
  ...lowerHold,
  ...lowerHooks,
  ...lowerSchedule,
  ...lowerJoin,
};

/** Puts other instructions in the place of a step's own. */
export type Alteration = (
  step: Step,
  instructions: Instruction[],
) => Instruction[];

let alter: Alteration = (_, instructions) => instructions;

/**
 * For tests alone: from here on, either executor carries out what the
 * alteration makes of each step. A test has steps fail with it, or wait.
 */
export function alterLowering(alteration: Alteration): void {
  alter = alteration;
}

/** The system calls of a step, in order. */
export function lower(step: Step): Instruction[] {
  return alter(
    step,
    (LOWERING[step.step] as (step: Step) => Instruction[])(step),
  );
}

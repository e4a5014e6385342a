/**
 * Lowers steps to system calls: the only place where `MS_BIND` becomes 4096.
 * Both executors carry out these calls, and `explain` shows them.
 */

import type { HostKind } from "../../plan/host_kinds.ts";
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
import { lowerOverlay } from "./overlay.ts";
import { lowerNamespaces } from "./namespaces.ts";
import { lowerProcess } from "./process.ts";
import { lowerSchedule } from "./schedule.ts";
import { lowerSandbox } from "./sandbox.ts";
import { lowerSeals } from "./seals.ts";
import { lowerStreams } from "./streams.ts";
import { lowerTerminal } from "./terminal.ts";

/** Host steps, which the parent carries out itself without instructions. */
const none = () => [];
const HOST: Lowering<HostKind> = {
  recordUndos: none,
  makeDirectory: none,
  takeCgroup: none,
  writeHostFile: none,
  fillCpuset: none,
  attachDevices: none,
  giveCgroup: none,
  startScope: none,
  makeFifo: none,
  joinClass: none,
  moveDevice: none,
  writeIdFile: none,
  writePidFile: none,
  reserveEnd: none,
  reserveProfile: none,
  relayStream: none,
  mapIds: none,
  mapMount: none,
  mountImage: none,
  keepChanges: none,
  recordNetwork: none,
  joinNetwork: none,
  makeBridge: none,
  filterNetwork: none,
  allowForwarding: none,
  makeHosts: none,
  startResolver: none,
  attachLink: none,
  reservePorts: none,
  publishPorts: none,
  startRelay: none,
  changeHosts: none,
  detachLink: none,
  startWayOut: none,
  keepUses: none,
  makeVolume: none,
  copyUp: none,
};

const LOWERING: Lowering<StepKind> = {
  ...HOST,
  ...lowerNamespaces,
  ...lowerFiles,
  ...lowerLandlock,
  ...lowerMounts,
  ...lowerOverlay,
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
  ...lowerSandbox,
};

/** Replaces the instructions of a step. */
export type Alteration = (
  step: Step,
  instructions: Instruction[],
) => Instruction[];

let alter: Alteration = (_, instructions) => instructions;

/**
 * For tests only: from now on both executors carry out the altered
 * instructions. Tests use it to make steps fail or wait.
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

/** Writes the handover for PID 1. Runs in the parent. */

import { fromBase64 } from "../ffi/base64.ts";
import { type Descriptor, sealFile, writeAll } from "../ffi/fcntl.ts";
import type { Plan, Step } from "../plan/step.ts";
import {
  CHILD_PHASES,
  type ChildPhase,
  type Front,
  type Handover,
} from "./handover.ts";
import {
  HANDOVER,
  HANDOVER_FLAG,
  HANDOVER_MAGIC,
  HANDOVER_PARTS,
  HANDOVER_SIZE,
  HANDOVER_VERSION,
  type HandoverPart,
  PART_ALIGNMENT,
  PART_SIZE,
} from "./handover_layout.ts";
import { WALKER } from "./native/walker_code.ts";
import { compileSteps, type Program } from "./program.ts";

/** The compiled programs of PID 1, to find the step of a failure. */
export type ChildPrograms = Record<ChildPhase, Program>;

/** Fills the file of PID 1 and seals it. */
export function packHandover(
  file: Descriptor,
  { plan, debug, preserve }: Handover,
): ChildPrograms {
  const programs: ChildPrograms = {
    container: compileSteps(plan.container, { movable: true }),
    process: compileSteps(plan.process),
    cleanup: compileSteps(unmounting(plan), { movable: true }),
  };
  const front: Front = {
    debug,
    programs: perPhase((phase) => {
      const { bytes: _, ...program } = programs[phase];
      return program;
    }),
  };
  const bytes = handoverBytes({
    ...perPhase((phase) => programs[phase].bytes),
    walker: fromBase64(WALKER[Deno.build.arch].code),
    front: asJson(front),
    steps: asJson(perPhase((phase) => childSteps(plan, phase))),
  }, { preserve, cgroups: cgroupFileCount(plan) });
  writeAll(file.fd, bytes);
  sealFile(file);
  return programs;
}

const perPhase = <T>(of: (phase: ChildPhase) => T): Record<ChildPhase, T> =>
  Object.fromEntries(
    CHILD_PHASES.map((phase) => [phase, of(phase)]),
  ) as Record<ChildPhase, T>;

const asJson = (value: unknown) =>
  new TextEncoder().encode(JSON.stringify(value));

/** Lays the parts out behind their header. */
export function handoverBytes(
  parts: Readonly<Record<HandoverPart, Uint8Array>>,
  { preserve, cgroups }: { preserve: number; cgroups: number },
): Uint8Array<ArrayBuffer> {
  const aligned = (at: number) =>
    Math.ceil(at / PART_ALIGNMENT) * PART_ALIGNMENT;
  const size = HANDOVER_PARTS.reduce(
    (end, name) => aligned(end) + parts[name].length,
    HANDOVER_SIZE,
  );
  const bytes = new Uint8Array(size);
  const header = new DataView(bytes.buffer);
  header.setUint32(HANDOVER.magic, HANDOVER_MAGIC, true);
  header.setUint32(HANDOVER.version, HANDOVER_VERSION, true);
  header.setBigUint64(HANDOVER.size, BigInt(size), true);
  header.setUint32(HANDOVER.flags, HANDOVER_FLAG.answers, true);
  header.setUint32(HANDOVER.preserve, preserve, true);
  header.setUint32(HANDOVER.cgroups, cgroups, true);
  let place = HANDOVER_SIZE;
  HANDOVER_PARTS.forEach((name, index) => {
    place = aligned(place);
    const at = HANDOVER.parts + PART_SIZE * index;
    header.setBigUint64(at, BigInt(place), true);
    header.setBigUint64(at + 8, BigInt(parts[name].length), true);
    bytes.set(parts[name], place);
    place += parts[name].length;
  });
  return bytes;
}

const cgroupFileCount = (plan: Plan) =>
  plan.process.reduce(
    (count, step) => step.step === "joinCgroups" ? step.files.length : count,
    0,
  );

/** The cleanup steps that are system calls. The child does `killAll` itself. */
export const unmounting = (plan: Plan) =>
  plan.cleanup.filter(({ step }) => step !== "killAll");

/** The steps from which the child's program of a phase is compiled. */
export const childSteps = (plan: Plan, phase: ChildPhase): readonly Step[] =>
  phase === "cleanup" ? unmounting(plan) : plan[phase];

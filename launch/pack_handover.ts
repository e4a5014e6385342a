/** Writes the handover for the child. Runs in the parent. */

import { type Descriptor, sealFile, writeAll } from "../ffi/fcntl.ts";
import type { Plan } from "../plan/step.ts";
import { CHILD_PHASES, type Front, type Handover } from "./handover.ts";
import { compileSteps } from "./program.ts";

/** Fills the child's file and seals it. */
export function packHandover(file: Descriptor, handover: Handover): void {
  const { plan, args, announce, debug, preserve } = handover;
  const encoder = new TextEncoder();
  const performed = { container: plan.container, process: plan.process };
  const steps = encoder.encode(
    JSON.stringify({ ...performed, cleanup: unmounting(plan) }),
  );
  const programs = {
    container: compileSteps(plan.container, { movable: true }),
    process: compileSteps(plan.process),
    cleanup: compileSteps(unmounting(plan), { movable: true }),
  };
  const front: Front = {
    version: 2,
    args,
    announce,
    debug,
    preserve,
    cgroups: cgroupFileCount(plan),
    stepsLength: steps.length,
    programs: Object.fromEntries(
      CHILD_PHASES.map((phase) => {
        const { bytes, ...program } = programs[phase];
        return [phase, { length: bytes.length, ...program }];
      }),
    ) as Front["programs"],
  };
  const text = encoder.encode(JSON.stringify(front));
  writeAll(file.fd, new Uint8Array(new Uint32Array([text.length]).buffer));
  writeAll(file.fd, text);
  writeAll(file.fd, steps);
  for (const phase of CHILD_PHASES) writeAll(file.fd, programs[phase].bytes);
  sealFile(file);
}

const cgroupFileCount = (plan: Plan) =>
  plan.process.reduce(
    (count, step) => step.step === "joinCgroups" ? step.files.length : count,
    0,
  );

/** The cleanup steps that are system calls. The child does `killAll` itself. */
export const unmounting = (plan: Plan) =>
  plan.cleanup.filter(({ step }) => step !== "killAll");

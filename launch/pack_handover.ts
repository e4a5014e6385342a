/** The parent's side of the handover to the child. */

import { type Descriptor, sealFile, writeAll } from "../ffi/fcntl.ts";
import type { Plan } from "../plan/step.ts";
import { type Front, type Handover, OURS } from "./handover.ts";
import { compileSteps } from "./program.ts";

/** Fills the child's file; nobody can change it afterwards. */
export function packHandover(file: Descriptor, handover: Handover): void {
  const { plan, args, announce, debug, preserve } = handover;
  const encoder = new TextEncoder();
  const ours = { container: plan.container, process: plan.process };
  const steps = encoder.encode(
    JSON.stringify({ ...ours, cleanup: unmounting(plan) }),
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
    cgroups: waysIn(plan),
    stepsLength: steps.length,
    programs: Object.fromEntries(
      OURS.map((phase) => {
        const { bytes, ...program } = programs[phase];
        return [phase, { length: bytes.length, ...program }];
      }),
    ) as Front["programs"],
  };
  const text = encoder.encode(JSON.stringify(front));
  writeAll(file.fd, new Uint8Array(new Uint32Array([text.length]).buffer));
  writeAll(file.fd, text);
  writeAll(file.fd, steps);
  for (const phase of OURS) writeAll(file.fd, programs[phase].bytes);
  sealFile(file);
}

const waysIn = (plan: Plan) =>
  plan.process.reduce(
    (count, step) => step.step === "joinCgroups" ? step.files.length : count,
    0,
  );

/** Killing and reaping is the child's own doing; the rest are system calls. */
export const unmounting = (plan: Plan) =>
  plan.cleanup.filter(({ step }) => step !== "killAll");

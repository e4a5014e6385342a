/** Steps compiled to the bytes that the walker, or the child, carries out. */

import type { Step } from "../plan/step.ts";
import type { Instruction } from "./call.ts";
import { compileImage } from "./image.ts";
import { lower } from "./lower.ts";

/** A compiled plan, or part of one. */
export interface Program {
  bytes: Uint8Array<ArrayBuffer>;
  /** The numbers of the slots that have names. */
  slots: Record<string, number>;
  /** How many instructions each step comes to: a failure finds its step by it. */
  counts: number[];
}

/** Compiles steps for this machine. */
export function compileSteps(steps: readonly Step[]): Program {
  const instructions: Instruction[] = [];
  const counts = steps.map((step) => {
    const lowered = lower(step);
    instructions.push(...lowered);
    return lowered.length;
  });
  return { ...compileImage(instructions), counts };
}

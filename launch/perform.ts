/**
 * The child's executor: carries out steps one system call at a time through
 * FFI, in the process that calls it. Synchronous throughout, since Deno's other
 * threads are not where this thread is.
 */

import { ERRNO, type Errno, errnoName } from "../ffi/errno.ts";
import { syscallByNumber } from "../ffi/libc.ts";
import { addressOf } from "../ffi/memory.ts";
import { numberOf } from "../ffi/numbers.ts";
import type { Step } from "../plan/step.ts";
import { type Arena, layOut, type Word } from "./arena.ts";
import type { Argument, Call } from "./call.ts";
import { lower } from "./lower.ts";
import { StepError } from "./step_error.ts";

/** Memory of this process that lives as long as the steps that use it. */
class ProcessArena implements Arena {
  readonly #kept: Uint8Array<ArrayBuffer>[] = [];
  readonly #slots = new Map<string, BigInt64Array<ArrayBuffer>>();

  place(bytes: Uint8Array<ArrayBuffer>): number {
    this.#kept.push(bytes);
    return Number(addressOf(bytes));
  }

  slot(name: string): BigInt64Array<ArrayBuffer> {
    const slot = this.#slots.get(name) ?? new BigInt64Array(1);
    this.#slots.set(name, slot);
    return slot;
  }

  slotAddress(name: string): number {
    return this.place(new Uint8Array(this.slot(name).buffer));
  }

  word(argument: Argument): Word {
    if (
      argument !== null && typeof argument === "object" && "slot" in argument
    ) {
      return this.slot(argument.slot)[0]!;
    }
    return layOut(argument, this);
  }

  /** Called after the last use, so that the collector keeps all until then. */
  release(): void {
    this.#kept.length = 0;
  }
}

/** Carries out the steps; stops at the first that fails, with its {@linkcode StepError}. */
export function perform(steps: readonly Step[]): void {
  const arena = new ProcessArena();
  for (const step of steps) performStep(step, arena);
  arena.release();
}

function performStep(step: Step, arena: ProcessArena): void {
  let skip = 0;
  for (const instruction of lower(step)) {
    if (skip-- > 0) continue;
    skip = 0;
    if (instruction.name === "fail") {
      throw new StepError(step, instruction.name, instruction.error);
    }
    if (instruction.name === "compare") {
      if (!same(instruction.args)) {
        throw new StepError(step, instruction.name, instruction.otherwise);
      }
      continue;
    }
    skip = performCall(step, instruction, arena);
  }
}

/** Returns how many of the next calls to leave out. */
function performCall(step: Step, call: Call, arena: ProcessArena): number {
  const number = numberOf(call.name);
  const words = call.args.map((argument) => arena.word(argument));
  let result: number;
  do result = syscallByNumber(number, words); while (
    -result === ERRNO.EINTR && !call.expect?.includes("EINTR")
  );
  if (call.result) arena.slot(call.result)[0] = BigInt(result);
  if (result < 0) {
    const code = errnoName(-result);
    if (call.expect?.includes(code as Errno)) return call.skipOnExpected ?? 0;
    throw new StepError(step, call.name, code);
  }
  if (call.want && result !== call.want.result) {
    throw new StepError(step, call.name, call.want.otherwise);
  }
  return call.skipOnSuccess ?? 0;
}

function same([a, b, length]: readonly [Argument, Argument, number]): boolean {
  const bytes = (argument: Argument) =>
    typeof argument === "string"
      ? new TextEncoder().encode(argument)
      : argument as Uint8Array;
  const [left, right] = [bytes(a), bytes(b)];
  for (let i = 0; i < length; i++) if (left[i] !== right[i]) return false;
  return true;
}

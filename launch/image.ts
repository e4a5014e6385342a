/**
 * Instructions to the bytes that the walker walks. The layout is that of
 * launch/walker.c: a header of 2048 bytes with the slots, steps of 88 bytes,
 * then whatever their arguments point to. The walker maps it at a fixed
 * address, so pointers are ready-made.
 */

import { ERRNO, type Errno } from "../ffi/errno.ts";
import { numberOf } from "../ffi/numbers.ts";
import { type Arena, layOut, setWord, type Word } from "./arena.ts";
import type { Argument, Instruction } from "./call.ts";

const BASE = 0x100000000;
const MAGIC = 0x4b4c4157;
const VERSION = 1;
const HEADER_SIZE = 2048;
const SLOTS_AT = 64;
const SLOT_COUNT = 248;
const STEP_SIZE = 88;
const NO_SLOT = 255;
const FLAG = { want: 1, clone: 2 } as const;
const OPERATION = { compare: -2, fail: -3 } as const;
const STATE_FAILED = 2;

/** Size of what {@linkcode readOutcome} needs of the plan. */
export const OUTCOME_SIZE = HEADER_SIZE;

/** A compiled plan and where its results will stand. */
export interface Image {
  bytes: Uint8Array<ArrayBuffer>;
  slots: Map<string, number>;
}

/** How far the walker came. */
export interface Outcome {
  /** The instruction that failed, and why. */
  failure: { index: number; errno: number } | null;
  /** A result by its name. */
  slot(name: string): number;
}

class ImageArena implements Arena {
  readonly slots = new Map<string, number>();
  readonly data: [offset: number, bytes: Uint8Array][] = [];
  // One buffer that two instructions share is one place.
  readonly #placed = new Map<Uint8Array, number>();
  constructor(public end: number) {}

  place(bytes: Uint8Array<ArrayBuffer>): number {
    const known = this.#placed.get(bytes);
    if (known !== undefined) return known;
    const offset = this.end;
    this.data.push([offset, bytes]);
    this.end = (offset + bytes.length + 7) & ~7;
    const address = BASE + offset;
    this.#placed.set(bytes, address);
    return address;
  }

  slot(name: string): number {
    const index = this.slots.get(name) ?? this.slots.size;
    if (index >= SLOT_COUNT) throw new RangeError("A plan has 248 slots");
    this.slots.set(name, index);
    return index;
  }

  slotAddress(name: string): number {
    return BASE + SLOTS_AT + 8 * this.slot(name);
  }
}

/** Compiles instructions for the walker of an architecture, this machine's if none is given. */
export function compileImage(
  instructions: readonly Instruction[],
  arch: typeof Deno.build.arch = Deno.build.arch,
): Image {
  const arena = new ImageArena(HEADER_SIZE + STEP_SIZE * instructions.length);
  const steps = new DataView(
    new ArrayBuffer(STEP_SIZE * instructions.length),
  );
  instructions.forEach((instruction, index) =>
    writeStep(steps, index * STEP_SIZE, instruction, arena, arch)
  );
  const bytes = new Uint8Array(arena.end);
  const header = new DataView(bytes.buffer);
  header.setUint32(0, MAGIC, true);
  header.setUint32(4, VERSION, true);
  header.setBigUint64(8, BigInt(arena.end), true);
  header.setUint32(16, instructions.length, true);
  bytes.set(new Uint8Array(steps.buffer), HEADER_SIZE);
  for (const [offset, data] of arena.data) bytes.set(data, offset);
  return { bytes, slots: arena.slots };
}

function writeStep(
  view: DataView,
  at: number,
  instruction: Instruction,
  arena: ImageArena,
  arch: typeof Deno.build.arch,
): void {
  const args: readonly Argument[] = instruction.name === "fail"
    ? [ERRNO[instruction.error]]
    : instruction.args;
  let fromSlot = 0;
  args.forEach((argument, index) => {
    let word: Word;
    if (
      argument !== null && typeof argument === "object" && "slot" in argument
    ) {
      fromSlot |= 1 << index;
      word = arena.slot(argument.slot);
    } else {
      word = layOut(argument, arena);
    }
    setWord(view, at + 8 + 8 * index, word);
  });
  view.setUint8(at + 6, fromSlot);
  view.setUint8(at + 7, NO_SLOT);
  if (instruction.name === "compare" || instruction.name === "fail") {
    view.setInt32(at, OPERATION[instruction.name], true);
    if (instruction.name === "compare") {
      view.setInt32(at + 84, ERRNO[instruction.otherwise], true);
    }
    return;
  }
  view.setInt32(at, numberOf(instruction.name, arch), true);
  view.setUint16(
    at + 4,
    (instruction.want ? FLAG.want : 0) | (instruction.clone ? FLAG.clone : 0),
    true,
  );
  if (instruction.result) view.setUint8(at + 7, arena.slot(instruction.result));
  (instruction.expect ?? []).forEach((code: Errno, index) =>
    view.setInt16(at + 56 + 2 * index, ERRNO[code], true)
  );
  if (instruction.want) {
    setWord(view, at + 72, instruction.want.result);
    view.setInt32(at + 84, ERRNO[instruction.want.otherwise], true);
  }
  view.setUint16(at + 80, instruction.skipOnSuccess ?? 0, true);
  view.setUint16(at + 82, instruction.skipOnExpected ?? 0, true);
}

/**
 * Reads what the walker left in the header. It is shared memory that a process
 * in the container could have written to: nothing in it is trusted further
 * than a number goes.
 */
export function readOutcome(image: Image, header: Uint8Array): Outcome {
  const view = new DataView(
    header.buffer,
    header.byteOffset,
    header.byteLength,
  );
  const failed = view.getUint32(28, true) === STATE_FAILED;
  return {
    failure: failed
      ? { index: view.getUint32(20, true), errno: view.getInt32(24, true) }
      : null,
    slot(name) {
      const index = image.slots.get(name);
      if (index === undefined) throw new RangeError(`The plan has no ${name}`);
      return Number(view.getBigInt64(SLOTS_AT + 8 * index, true));
    },
  };
}

/**
 * Compiles instructions to the bytecode that both executors read;
 * launch/bytecode/layout.ts describes it.
 */

import { ERRNO, type Errno } from "../../ffi/errno.ts";
import { cString } from "../../ffi/memory.ts";
import { numberOf } from "../../ffi/numbers.ts";
import { type Arena, layOut, setWord, type Word } from "./arena.ts";
import type { Argument, EntryInstruction, EntryOperation } from "./call.ts";
import {
  BASE,
  FLAG,
  HEADER,
  HEADER_SIZE,
  MAGIC,
  NO_SLOT,
  OPERATION,
  SLOT_COUNT,
  slotOffset,
  STEP,
  STEP_SIZE,
  VERSION,
} from "./layout.ts";

/** Compiled instructions. */
export interface Bytecode {
  bytes: Uint8Array<ArrayBuffer>;
  slots: Record<string, number>;
  /**
   * The offsets, outside the steps, that hold an address: needed to move the
   * bytes.
   */
  pointers: number[];
}

class ProgramArena implements Arena {
  readonly slots = new Map<string, number>();
  readonly data: [offset: number, bytes: Uint8Array][] = [];
  readonly pointers: number[] = [];
  // Instructions that share a buffer share its place.
  readonly #placed = new Map<Uint8Array, number>();
  readonly #texts = new Map<string, number>();
  /** The end of what is laid out. */
  end: number;
  /** @param room how many slots follow the steps */
  constructor(readonly steps: number, room: number) {
    this.end = slotOffset(SLOT_COUNT + room, steps);
  }

  place(
    bytes: Uint8Array<ArrayBuffer>,
    pointers: readonly number[] = [],
  ): number {
    const known = this.#placed.get(bytes);
    if (known !== undefined) return known;
    const offset = this.end;
    this.data.push([offset, bytes]);
    this.pointers.push(...pointers.map((at) => offset + at));
    this.end = (offset + bytes.length + 7) & ~7;
    const address = BASE + offset;
    this.#placed.set(bytes, address);
    return address;
  }

  placeText(text: string): number {
    let address = this.#texts.get(text);
    if (address === undefined) {
      this.#texts.set(text, address = this.place(cString(text)));
    }
    return address;
  }

  slot(name: string): number {
    const index = this.slots.get(name) ?? this.slots.size;
    if (index >= NO_SLOT) {
      throw new RangeError(`A plan has at most ${NO_SLOT} slots`);
    }
    this.slots.set(name, index);
    return index;
  }

  slotAddress(name: string): number {
    return BASE + slotOffset(this.slot(name), this.steps);
  }
}

/**
 * Compiles instructions for the walker of an architecture, by default this
 * machine's.
 *
 * @param filled the names of the first slots, whose values are written before
 * the walk
 */
export function encodeInstructions(
  instructions: readonly EntryInstruction[],
  arch: typeof Deno.build.arch = Deno.build.arch,
  filled: readonly string[] = [],
): Bytecode {
  // The slots of nearly all plans fit in the header. If they do not, their
  // number is known only afterwards.
  const written = writeSteps(instructions, arch, filled, 0);
  const others = written.arena.slots.size - SLOT_COUNT;
  return bytecodeOf(
    others <= 0 ? written : writeSteps(instructions, arch, filled, others),
  );
}

/** Steps, and what their arguments point to. */
interface Written {
  steps: DataView<ArrayBuffer>;
  arena: ProgramArena;
}

/** @param room how many slots follow the steps */
function writeSteps(
  instructions: readonly EntryInstruction[],
  arch: typeof Deno.build.arch,
  filled: readonly string[],
  room: number,
): Written {
  const arena = new ProgramArena(instructions.length, room);
  filled.forEach((name) => arena.slot(name));
  const steps = new DataView(
    new ArrayBuffer(STEP_SIZE * instructions.length),
  );
  instructions.forEach((instruction, index) =>
    writeStep(steps, index * STEP_SIZE, instruction, arena, arch)
  );
  return { steps, arena };
}

function bytecodeOf({ steps, arena }: Written): Bytecode {
  const bytes = new Uint8Array(arena.end);
  const header = new DataView(bytes.buffer);
  header.setUint32(HEADER.magic, MAGIC, true);
  header.setUint32(HEADER.version, VERSION, true);
  header.setBigUint64(HEADER.size, BigInt(arena.end), true);
  header.setUint32(HEADER.count, arena.steps, true);
  bytes.set(new Uint8Array(steps.buffer), HEADER_SIZE);
  for (const [offset, data] of arena.data) bytes.set(data, offset);
  return {
    bytes,
    slots: Object.fromEntries(arena.slots),
    pointers: arena.pointers,
  };
}

function writeStep(
  view: DataView,
  at: number,
  instruction: EntryInstruction,
  arena: ProgramArena,
  arch: typeof Deno.build.arch,
): void {
  const args: readonly Argument[] = instruction.name === "fail"
    ? [ERRNO[instruction.error]]
    : instruction.args;
  let fromSlot = 0;
  // The memory is zero already, so zero words are not written.
  for (let index = 0; index < args.length; index++) {
    const argument = args[index]!;
    let word: Word;
    if (typeof argument === "number" || argument === null) word = argument ?? 0;
    else if (typeof argument === "object" && "slot" in argument) {
      fromSlot |= 1 << index;
      word = arena.slot(argument.slot);
    } else word = layOut(argument, arena);
    if (word) setWord(view, at + STEP.args + 8 * index, word);
  }
  if (fromSlot) view.setUint8(at + STEP.fromSlot, fromSlot);
  view.setUint16(at + STEP.result, NO_SLOT, true);
  if (instruction.name === "fail") {
    view.setInt32(at + STEP.number, OPERATION.fail, true);
    return;
  }
  writeExpected(view, at, instruction);
  const { skipOnSuccess } = instruction;
  if (skipOnSuccess) {
    view.setUint16(at + STEP.skipOnSuccess, skipOnSuccess, true);
  }
  if ("otherwise" in instruction) {
    view.setInt32(at + STEP.number, OPERATION[instruction.name], true);
    view.setInt32(at + STEP.otherwise, ERRNO[instruction.otherwise], true);
    return;
  }
  view.setInt32(
    at + STEP.number,
    isOperation(instruction)
      ? OPERATION[instruction.name]
      : numberOf(instruction.name, arch),
    true,
  );
  const flags = (instruction.want ? FLAG.want : 0) |
    ("clone" in instruction && instruction.clone ? FLAG.clone : 0);
  if (flags) view.setUint8(at + STEP.flags, flags);
  if ("result" in instruction && instruction.result) {
    view.setUint16(at + STEP.result, arena.slot(instruction.result), true);
  }
  if (instruction.want) {
    setWord(view, at + STEP.want, instruction.want.result);
    view.setInt32(at + STEP.otherwise, ERRNO[instruction.want.otherwise], true);
  }
}

const isOperation = (
  instruction: EntryInstruction,
): instruction is EntryOperation => instruction.name in OPERATION;

function writeExpected(
  view: DataView,
  at: number,
  { expect, skipOnExpected = 0 }: {
    expect?: readonly Errno[];
    skipOnExpected?: number;
  },
): void {
  expect?.forEach((code, index) =>
    view.setInt16(at + STEP.expected + 2 * index, ERRNO[code], true)
  );
  if (skipOnExpected) {
    view.setUint16(at + STEP.skipOnExpected, skipOnExpected, true);
  }
}

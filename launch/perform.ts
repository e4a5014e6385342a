/**
 * The child's executor: carries out a compiled program in this process, one
 * system call at a time through FFI. It reads the same bytes as the walker
 * (launch/native/walk.h has the same loop in C), so both executors do the same.
 * Everything is synchronous, because Deno's other threads are not in this
 * thread's namespaces.
 */

import { ERRNO } from "../ffi/errno.ts";
import { syscallByNumber } from "../ffi/libc.ts";
import { addressOf } from "../ffi/memory.ts";
import type { Step } from "../plan/step.ts";
import {
  ARGUMENT_COUNT,
  BASE,
  EXPECTED_COUNT,
  FLAG,
  HEADER,
  HEADER_SIZE,
  NO_SLOT,
  OPERATION,
  slotOffset,
  STATE,
  STEP,
  STEP_SIZE,
} from "./bytecode/layout.ts";
import { readOutcome, stepError } from "./outcome.ts";
import type { Program } from "./program.ts";

/**
 * Carries out a program. Stops at the first instruction that fails.
 *
 * @param steps returns the steps that the program was compiled from; called
 * only after a failure
 * @throws StepError the step that failed
 */
export function perform(program: Program, steps: () => readonly Step[]): void {
  walkHere(program);
  const { failure } = readOutcome(program, program.bytes);
  if (failure) throw stepError(steps(), program, failure);
}

/**
 * Carries out the instructions in place: the memory is not at the address that
 * its pointers were compiled for.
 */
function walkHere({ bytes, pointers }: Program): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = view.getUint32(HEADER.count, true);
  const moved = Number(addressOf(bytes)) - BASE;
  const end = BASE + bytes.length;
  for (const at of pointers) {
    const address = view.getBigUint64(at, true);
    // A structure may hold a null pointer.
    if (address) view.setBigUint64(at, address + BigInt(moved), true);
  }
  const words = [0, 0, 0, 0, 0, 0];
  const fail = (index: number, errno: number) => {
    view.setUint32(HEADER.at, index, true);
    view.setInt32(HEADER.error, errno, true);
    view.setUint32(HEADER.state, STATE.failed, true);
  };
  for (let index = 0; index < count; index++) {
    const step = HEADER_SIZE + index * STEP_SIZE;
    const number = view.getInt32(step + STEP.number, true);
    const fromSlot = view.getUint8(step + STEP.fromSlot);
    for (let i = 0; i < ARGUMENT_COUNT; i++) {
      const at = step + STEP.args + 8 * i;
      let word = view.getInt32(at + 4, true) * 0x100000000 +
        view.getUint32(at, true);
      if (fromSlot & (1 << i)) {
        word = Number(view.getBigInt64(slotOffset(word, count), true));
      } else if (word >= BASE && word < end) {
        // compileSteps() has checked that no plain number looks like an
        // address.
        word += moved;
      }
      words[i] = word;
    }
    if (number === OPERATION.fail) return fail(index, words[0]!);
    const otherwise = view.getInt32(step + STEP.otherwise, true);
    const expects = (errno: number) => {
      for (let i = 0; i < EXPECTED_COUNT; i++) {
        const expected = view.getInt16(step + STEP.expected + 2 * i, true);
        if (expected === 0) return false;
        if (expected === errno) return true;
      }
      return false;
    };
    if (number === OPERATION.compare) {
      const [a, b] = [words[0]! - moved - BASE, words[1]! - moved - BASE];
      const length = words[2]!;
      if (same(bytes.subarray(a, a + length), bytes.subarray(b, b + length))) {
        index += view.getUint16(step + STEP.skipOnSuccess, true);
        continue;
      }
      if (!expects(otherwise)) return fail(index, otherwise);
      index += view.getUint16(step + STEP.skipOnExpected, true);
      continue;
    }
    let result: number;
    do result = syscallByNumber(number, words); while (
      result === -ERRNO.EINTR && !expects(ERRNO.EINTR)
    );
    const slot = view.getUint16(step + STEP.result, true);
    if (slot !== NO_SLOT) {
      view.setBigInt64(slotOffset(slot, count), BigInt(result), true);
    }
    if (result < 0) {
      if (!expects(-result)) return fail(index, -result);
      index += view.getUint16(step + STEP.skipOnExpected, true);
      continue;
    }
    const flags = view.getUint8(step + STEP.flags);
    if (
      flags & FLAG.want &&
      BigInt(result) !== view.getBigInt64(step + STEP.want, true)
    ) return fail(index, otherwise);
    index += view.getUint16(step + STEP.skipOnSuccess, true);
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

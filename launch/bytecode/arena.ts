/**
 * Lays arguments out in memory. The memory differs by executor (the plan's
 * mapping in the walker, this process in the child); the layout of a string, an
 * argv or a structure does not.
 */

import type { Argument } from "./call.ts";

/** Memory that takes bytes and has slots. */
export interface Arena {
  /**
   * Places a text with its NUL; returns its address. Equal texts share one
   * place, since nobody writes there.
   */
  placeText(text: string): number;
  /**
   * Places bytes at an address of their own, which is returned.
   *
   * @param pointers the offsets in these bytes that hold an address
   */
  place(bytes: Uint8Array<ArrayBuffer>, pointers?: readonly number[]): number;
  /** The address of a slot. */
  slotAddress(name: string): number;
}

/**
 * 64 bits. Addresses and values up to 53 bits are numbers, which cost less than
 * a bigint.
 */
export type Word = number | bigint;

/** Writes a word, little-endian, in two's complement. */
export function setWord(view: DataView, at: number, word: Word): void {
  if (typeof word === "bigint") {
    view.setBigUint64(at, BigInt.asUintN(64, word), true);
  } else {
    view.setUint32(at, word, true);
    view.setInt32(at + 4, Math.floor(word / 0x100000000), true);
  }
}

/**
 * Returns the word for an argument and places what it points to.
 *
 * @throws TypeError if a structure refers to the value of a slot
 */
export function layOut(
  argument: Exclude<Argument, { slot: string }>,
  arena: Arena,
): Word {
  if (typeof argument === "number" || typeof argument === "bigint") {
    return argument;
  }
  if (argument === null) return 0;
  if (typeof argument === "string") return arena.placeText(argument);
  if (argument instanceof Uint8Array) {
    return arena.place(argument as Uint8Array<ArrayBuffer>);
  }
  if (isWords(argument)) {
    const pointers = new DataView(new ArrayBuffer(8 * (argument.length + 1)));
    argument.forEach((text, index) =>
      setWord(pointers, 8 * index, layOut(text, arena))
    );
    return arena.place(
      new Uint8Array(pointers.buffer),
      argument.map((_, index) => 8 * index),
    );
  }
  if ("addressOf" in argument) return arena.slotAddress(argument.addressOf);
  if ("partOf" in argument) {
    return Number(layOut(argument.partOf, arena)) + argument.at;
  }
  const bytes = new Uint8Array(argument.bytes);
  const view = new DataView(bytes.buffer);
  for (const { at, to } of argument.pointers) {
    if (to !== null && typeof to === "object" && "slot" in to) {
      throw new TypeError("A structure cannot hold the value of a slot");
    }
    setWord(view, at, layOut(to, arena));
  }
  return arena.place(bytes, argument.pointers.map(({ at }) => at));
}

const isWords = (
  argument: readonly string[] | object,
): argument is readonly string[] => Array.isArray(argument);

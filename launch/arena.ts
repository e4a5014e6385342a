/**
 * Arguments laid out in memory. Where that memory is differs by executor (the
 * plan's mapping in the walker, this process in the child); how a string, an
 * argv or a structure looks in it does not.
 */

import { cString } from "../ffi/memory.ts";
import type { Argument } from "./call.ts";

/** Somewhere that bytes can be put and slots can be found. */
export interface Arena {
  /** Puts the bytes at an address that stays theirs. */
  place(bytes: Uint8Array<ArrayBuffer>): bigint;
  /** The address of a slot. */
  slotAddress(name: string): bigint;
}

/** The word that stands for an argument; whatever it points to is placed. */
export function layOut(
  argument: Exclude<Argument, { slot: string }>,
  arena: Arena,
): bigint {
  if (argument === null) return 0n;
  if (typeof argument === "number" || typeof argument === "bigint") {
    return BigInt(argument);
  }
  if (typeof argument === "string") return arena.place(cString(argument));
  if (argument instanceof Uint8Array) {
    return arena.place(argument as Uint8Array<ArrayBuffer>);
  }
  if (isWords(argument)) {
    const pointers = argument.map((text) => layOut(text, arena));
    return arena.place(
      new Uint8Array(new BigUint64Array([...pointers, 0n]).buffer),
    );
  }
  if ("addressOf" in argument) return arena.slotAddress(argument.addressOf);
  const bytes = new Uint8Array(argument.bytes);
  const view = new DataView(bytes.buffer);
  for (const { at, to } of argument.pointers) {
    if (to !== null && typeof to === "object" && "slot" in to) {
      throw new TypeError("A structure cannot hold the value of a slot");
    }
    view.setBigUint64(at, layOut(to, arena), true);
  }
  return arena.place(bytes);
}

const isWords = (
  argument: readonly string[] | object,
): argument is readonly string[] => Array.isArray(argument);

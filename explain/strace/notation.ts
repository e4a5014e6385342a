/**
 * Formats values as strace(1) does: strings, numbers, and flags by their names.
 * Pure.
 *
 * A value that is known only during execution is written in angle brackets, by
 * the name that launch/lower/lower.ts gives it: `<kernel>` for a descriptor.
 */

import { toBytes } from "../../ffi/text.ts";
import type { Argument } from "../../launch/bytecode/call.ts";

/** Flags by their names, in strace's order: by value. */
export function flags(
  value: number | bigint,
  names: Readonly<Record<string, number>>,
): string {
  let left = BigInt(value);
  const found: string[] = [];
  for (const [name, number] of Object.entries(names)) {
    const bits = BigInt(number);
    if (bits === 0n || (left & bits) !== bits) continue;
    found.push(name);
    left &= ~bits;
  }
  if (left || !found.length) {
    found.push(left ? `0x${left.toString(16)}` : "0");
  }
  return found.join("|");
}

/** The name of a number, or the number if it has none. */
export function named(
  value: Argument,
  names: Readonly<Record<string, number | undefined>>,
): string {
  const found = Object.entries(names).find(([, number]) => number === value);
  return found ? found[0] : plain(value);
}

/** A file mode or a mask. */
export const octal = (mode: number): string =>
  mode === 0 ? "000" : `0${mode.toString(8)}`;

const ESCAPES: Record<number, string | undefined> = {
  0x09: "\\t",
  0x0a: "\\n",
  0x0b: "\\v",
  0x0c: "\\f",
  0x0d: "\\r",
  0x22: '\\"',
  0x5c: "\\\\",
};

/** Bytes, quoted as strace does. */
export function quote(bytes: Uint8Array): string {
  let text = "";
  bytes.forEach((byte, index) => {
    const next = bytes[index + 1] ?? 0;
    const digitFollows = next >= 0x30 && next <= 0x39;
    text += ESCAPES[byte] ??
      (byte >= 0x20 && byte < 0x7f
        ? String.fromCharCode(byte)
        : `\\${byte.toString(8).padStart(digitFollows ? 3 : 1, "0")}`);
  });
  return `"${text}"`;
}

/**
 * An argument that needs no table: a number, a string, a list of strings, or
 * the result of an earlier call.
 */
export function plain(argument: Argument): string {
  if (argument === null) return "NULL";
  if (typeof argument === "number" || typeof argument === "bigint") {
    return String(argument);
  }
  if (typeof argument === "string") return quote(toBytes(argument));
  if (argument instanceof Uint8Array) return quote(argument);
  if (isTexts(argument)) return `[${argument.map(plain).join(", ")}]`;
  if ("slot" in argument) return `<${argument.slot}>`;
  if ("addressOf" in argument) return `[<${argument.addressOf}>]`;
  return "...";
}

const isTexts = (
  argument: readonly string[] | object,
): argument is readonly string[] => Array.isArray(argument);

/** The bytes of a structure; empty if the argument is none. */
export function structure(argument: Argument): DataView {
  const bytes = argument instanceof Uint8Array
    ? argument
    : argument !== null && typeof argument === "object" && "bytes" in argument
    ? argument.bytes
    : new Uint8Array();
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** For sets with at least so many members, strace writes the missing ones. */
const MOST = 42;
const FIRST_REAL_TIME = 32;
const LAST = 64;

/** The name of a signal, for example `SIGCHLD` or `SIGRT_1`. */
export function signalName(
  argument: Argument,
  signals: Readonly<Record<string, number>>,
): string {
  const name = named(argument, signals);
  const number = Number(name);
  if (!(number >= FIRST_REAL_TIME)) return name;
  return number === FIRST_REAL_TIME
    ? "SIGRTMIN"
    : `SIGRT_${number - FIRST_REAL_TIME}`;
}

/** A set of signals, for example `[CHLD INT]` or `~[KILL]`. */
export function signalSet(
  argument: Argument,
  signals: Readonly<Record<string, number>>,
): string {
  const bits = structure(argument).getBigUint64(0, true);
  const all = Array.from({ length: LAST }, (_, index) => index + 1);
  const inside = all.filter((number) => bits >> BigInt(number - 1) & 1n);
  const inverted = inside.length >= MOST;
  const shown = inverted
    ? all.filter((number) => !inside.includes(number))
    : inside;
  const words = shown.map((number) => signalName(number, signals).slice(3));
  return `${inverted ? "~" : ""}[${words.join(" ")}]`;
}

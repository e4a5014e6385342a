/**
 * How strace(1) writes values: strings, numbers, flags by their names. Pure.
 *
 * What is known only while a plan is carried out stands in angle brackets, by
 * the name that launch/lower/lower.ts gives it: `<kernel>` for a descriptor's number.
 */

import type { Argument } from "../../launch/bytecode/call.ts";

/** A number whose bits have names, in strace's order: that of their values. */
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

/** A number that has one name, or else the number. */
export function named(
  value: Argument,
  names: Readonly<Record<string, number | undefined>>,
): string {
  const found = Object.entries(names).find(([, number]) => number === value);
  return found ? found[0] : plain(value);
}

/** A permission, or a mask of them. */
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

/** Bytes as strace quotes them. */
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

const encoder = new TextEncoder();

/** An argument that needs no table: a number, a text, a list of texts, a result. */
export function plain(argument: Argument): string {
  if (argument === null) return "NULL";
  if (typeof argument === "number" || typeof argument === "bigint") {
    return String(argument);
  }
  if (typeof argument === "string") return quote(encoder.encode(argument));
  if (argument instanceof Uint8Array) return quote(argument);
  if (isTexts(argument)) return `[${argument.map(plain).join(", ")}]`;
  if ("slot" in argument) return `<${argument.slot}>`;
  if ("addressOf" in argument) return `[<${argument.addressOf}>]`;
  return "...";
}

const isTexts = (
  argument: readonly string[] | object,
): argument is readonly string[] => Array.isArray(argument);

/** Bytes of a structure; none where the argument is no such thing. */
export function structure(argument: Argument): DataView {
  const bytes = argument instanceof Uint8Array
    ? argument
    : argument !== null && typeof argument === "object" && "bytes" in argument
    ? argument.bytes
    : new Uint8Array();
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** More members than this, and strace writes what is not in a set. */
const MOST = 42;
const FIRST_REAL_TIME = 32;
const LAST = 64;

/** A signal by its name, as `SIGCHLD` or `SIGRT_1`. */
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

/** A set of signals, as `[CHLD INT]` or `~[KILL]`. */
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

/** Durations and amounts of memory, as `@deno/sandbox` writes them. Pure. */

import { InvalidMemoryError, InvalidTimeoutError } from "./errors.ts";

/**
 * An amount of memory: bytes, or a number with a binary (`GiB`, `MiB`, `KiB`)
 * or decimal (`GB`, `MB`, `kB`) unit.
 */
export type Memory =
  | number
  | `${number}${"GiB" | "MiB" | "KiB" | "GB" | "MB" | "kB"}`;

/** How long a sandbox lives: as its object, or for a time. */
export type Timeout = "session" | `${number}${"s" | "m" | "h"}`;

const UNITS: Readonly<Record<string, number>> = {
  GiB: 2 ** 30,
  MiB: 2 ** 20,
  KiB: 2 ** 10,
  GB: 1e9,
  MB: 1e6,
  kB: 1e3,
};

/**
 * The bytes of an amount of memory.
 *
 * @throws {InvalidMemoryError}
 */
export function parseMemory(option: string, value: unknown): number {
  const hint = 'Examples: 536870912, "512MiB", "1.5GB".';
  const [, amount, unit] = typeof value === "string"
    ? value.match(/^(\d+(?:\.\d+)?)([a-zA-Z]+)$/) ?? []
    : [];
  if (unit !== undefined && !Object.hasOwn(UNITS, unit)) {
    throw new InvalidMemoryError(
      option,
      `unknown unit ${unit}`,
      `The units are ${Object.keys(UNITS).join(", ")}.`,
    );
  }
  const bytes = typeof value === "number"
    ? value
    : unit === undefined
    ? NaN
    : Number(amount) * UNITS[unit]!;
  if (Number.isFinite(bytes) && bytes >= 1) return Math.floor(bytes);
  throw new InvalidMemoryError(option, "expected an amount of memory", hint);
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** setTimeout(3) of JavaScript takes a signed 32-bit number. */
const LONGEST = 2 ** 31 - 1;

/**
 * The milliseconds of a duration; null for `"session"`.
 *
 * @throws {InvalidTimeoutError}
 */
export function parseTimeout(value: unknown): number | null {
  if (value === undefined || value === "session") return null;
  const wrong = (problem: string) =>
    new InvalidTimeoutError(
      "timeout",
      problem,
      'Examples: "session", "90s", "15m".',
    );
  const [, amount, unit] = typeof value === "string"
    ? value.match(/^(\d+(?:\.\d+)?)([smh])$/) ?? []
    : [];
  if (unit === undefined) throw wrong("expected a duration");
  const milliseconds = Number(amount) * SECONDS[unit]! * 1000;
  if (!(milliseconds > 0)) throw wrong("must be positive");
  if (milliseconds > LONGEST) throw wrong("must be at most 596h");
  return milliseconds;
}

/** Broken configurations for tests, made at random from those that programs write. */

import { asText } from "./_config_fixture.ts";

/** A random generator that gives the same numbers for the same seed: mulberry32. */
export function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, state | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return ((mixed ^ mixed >>> 14) >>> 0) % below;
  };
}

/** Texts that JSON.stringify would not write. */
const RAW: readonly string[] = [
  "18446744073709551615",
  "-9223372036854775809",
  "9".repeat(5000),
  "1e999",
  "-0",
  "1.0000000000000000001",
  '{"__proto__":{"uid":0},"__proto__":1}',
  '{"a":1,"a":2}',
  "[".repeat(70) + "]".repeat(70),
  '{"x":'.repeat(200) + "0" + "}".repeat(200),
  '"\\ud800\\udc00\\ud800"',
  '"\\u0000"',
  "NaN",
  "",
  "}",
];

const ODD: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  1e300,
  "",
  "\0",
  "/",
  "/..",
  "../../etc",
  "\u202e\x1b[2J\n",
  "😀".repeat(100),
  "\ud800",
  "SCMP_ACT_ALLOW",
  "CAP_KILL",
  "a".repeat(20_000),
  [],
  {},
  [null],
  [[[]]],
  { type: "pid" },
  { constructor: 1, toString: 2, hasOwnProperty: 3, length: 4 },
  Array(300).fill("x"),
  Array(300).fill({ type: "pid" }),
  Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`k${n}`, n])),
];

/** Copies a value without shared objects, which structuredClone would keep shared. */
const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value));

type Holder = Record<string, unknown>;

/** Every object and array in a value, including the value itself. */
function holders(value: unknown): Holder[] {
  if (typeof value !== "object" || value === null) return [];
  return [value as Holder, ...Object.values(value).flatMap(holders)];
}

/** How configurations are changed. */
export interface Mutation {
  /** The configurations to start from. */
  bases: readonly (() => unknown)[];
  /** Further values that a member may get. */
  values?: readonly unknown[];
  /** The highest number of changes. */
  most: number;
}

/** Changes a configuration at random, and returns the resulting text. */
export function mutate(
  seed: number,
  { bases, values = [], most }: Mutation,
): string {
  const below = numbers(seed);
  const pick = <T>(all: readonly T[]): T => all[below(all.length)]!;
  // A copy, since a change to shared parts would affect later configurations.
  const config = copy(pick(bases)());
  const raw: string[] = [];
  const value = (): unknown => {
    if (below(4)) return copy(pick([...ODD, ...values]));
    raw.push(pick(RAW));
    return `RAW${raw.length - 1}.`;
  };
  for (let times = 1 + below(most); times > 0; times--) {
    const all = holders(config);
    const holder = pick(all);
    const name = pick([...Object.keys(holder), "more"]);
    const what = below(6);
    if (what === 0) delete holder[name];
    else if (what === 1) holder[name] = copy(pick(all));
    else if (what === 2 && Array.isArray(holder)) holder.push(...holder);
    else if (what === 3) {
      holder[pick(["__proto__x", "", "a.b", "\0"])] = value();
    } else holder[name] = value();
  }
  let text = asText(config).replace(
    /"RAW(\d+)\."/g,
    (_, index) => raw[Number(index)] ?? "",
  );
  if (below(20) === 0) text = text.slice(0, below(text.length));
  if (below(20) === 0) {
    const at = below(text.length);
    text = text.slice(0, at) + pick(['"', "\\", "{", "\0", "é"]) +
      text.slice(at + 1);
  }
  return text.replaceAll("__proto__x", "__proto__");
}

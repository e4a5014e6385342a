/**
 * Thousands of configurations that nobody would write: each is read or refused
 * with its faults, never anything else, and soon.
 */

// @ts-types="../types/std_assert.d.ts"
import { assert, assertLess } from "@std/assert";
import { asText, CONFIGS } from "./_config_fixture.ts";
import { ConfigError, configText, parseConfig } from "./config.ts";

const SEEDS = 3000;

/** A generator that gives the same numbers for the same seed: mulberry32. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, state | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return ((mixed ^ mixed >>> 14) >>> 0) % below;
  };
}

/** Stands in for text that JSON.stringify would not write. */
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

/** Without an object that is there twice, as structuredClone would leave it. */
const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value));

type Holder = Record<string, unknown>;

/** Every object and array of a value, itself among them. */
function holders(value: unknown): Holder[] {
  if (typeof value !== "object" || value === null) return [];
  return [value as Holder, ...Object.values(value).flatMap(holders)];
}

/** Does something to a configuration; the text of what came of it. */
function mutate(seed: number): string {
  const below = numbers(seed);
  const pick = <T>(all: readonly T[]): T => all[below(all.length)]!;
  // A copy: the parts that they share would be changed for those that follow.
  const config = copy(pick(Object.values(CONFIGS))());
  const raw: string[] = [];
  const value = (): unknown => {
    if (below(4)) return copy(pick(ODD));
    raw.push(pick(RAW));
    return `RAW${raw.length - 1}.`;
  };
  for (let times = 1 + below(4); times > 0; times--) {
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

/** How long something takes, well or not: what a machine under load can do. */
function timeOf(act: () => void): number {
  const start = performance.now();
  try {
    act();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return performance.now() - start;
}

/** Reads a text; whether it was a configuration. Any other outcome is thrown. */
function reads(text: string): boolean {
  const patience = 1000 + 10 * timeOf(() => JSON.parse(text));
  const start = performance.now();
  try {
    parseConfig(text);
    return true;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    assert(error.faults.length > 0);
    assertLess(error.message.length, 20_000);
    assert(!/[^\n\P{C}]/u.test(error.message), JSON.stringify(error.message));
    return false;
  } finally {
    assertLess(performance.now() - start, patience);
  }
}

Deno.test(`parseConfig() reads or refuses ${SEEDS} configurations made at random`, () => {
  let good = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      const text = mutate(seed);
      if (!reads(text)) continue;
      good++;
      parseConfig(configText(parseConfig(text)));
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
  // Neither all read nor all refused: the generator is worth something.
  assert(good > SEEDS / 50 && good < SEEDS / 2, `${good} of ${SEEDS} read`);
});

Deno.test("parseConfig() is soon done with what is huge", () => {
  const base = asText(CONFIGS.podmanLike!());
  const many = (count: number, item: string) => Array(count).fill(item).join();
  const huge = {
    "args": base.replace('"sh"', many(1e6, '"x"')),
    "wrong args": base.replace('"sh"', many(1e6, "1")),
    "namespaces": base.replace(
      '"namespaces": [',
      `"namespaces": [${many(3e5, "{}")},${many(3e5, '{"type":"pid"}')},`,
    ),
    "limits": base.replace(
      '"rlimits": [',
      `"rlimits": [${
        many(1e5, '{"type":"RLIMIT_CPU","soft":18446744073709551615,"hard":1}')
      },`,
    ),
    "id ranges": base.replace(
      '"uidMappings": [',
      `"uidMappings": [${
        many(2e5, '{"containerID":1,"hostID":1,"size":4294967295}')
      },`,
    ),
    "annotations": base.replace(
      '"annotations": {',
      `"annotations": {${
        Array.from({ length: 3e5 }, (_, n) => `"k${n}":""`).join()
      },`,
    ),
    "the same annotation": base.replace(
      '"annotations": {',
      `"annotations": {${many(5e5, '"k":""')},`,
    ),
    "unknown members": base.replace(
      "{",
      `{${Array.from({ length: 3e5 }, (_, n) => `"k${n}":[]`).join()},`,
    ),
    "a string": base.replace('"sh"', `"${"\\\\".repeat(4e6)}"`),
    "digits": base.replace('"uid": 1000', `"uid": ${"9".repeat(8e6)}`),
    "quotes": '"'.repeat(8e6),
    "brackets": "[]".repeat(4e6),
  };
  for (const [name, text] of Object.entries(huge)) {
    assert(text.length > 1e6, name);
    try {
      reads(text);
    } catch (error) {
      throw new Error(name, { cause: error });
    }
  }
});

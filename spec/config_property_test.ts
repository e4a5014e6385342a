/**
 * Thousands of broken configurations: each is read, or refused with its faults,
 * within a time limit.
 */

import process from "node:process";
// @ts-types="../types/std_assert.d.ts"
import { assert, assertLess } from "@std/assert";
import { asText, CONFIGS } from "./_config_fixture.ts";
import { mutate } from "./_config_mutation.ts";
import { ConfigError, configText, parseConfig } from "./config.ts";

const SEEDS = 3000;

const bases = Object.values(CONFIGS);

/** Milliseconds of processor time so far, which other processes do not change. */
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The processor time that an action takes, whether or not it succeeds. */
function timeOf(act: () => void): number {
  const start = processorTime();
  try {
    act();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return processorTime() - start;
}

/**
 * The most processor time for a configuration, in milliseconds. Load makes the
 * processor slower too, up to three times. An algorithm with quadratic time
 * takes at least 10 seconds for each huge text: they have 1e5 items or more.
 */
const PATIENCE = 5000;

/** Whether a text was read as a configuration. Throws unless it was read or refused. */
function reads(text: string): boolean {
  const patience = PATIENCE + 10 * timeOf(() => JSON.parse(text));
  const start = processorTime();
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
    assertLess(processorTime() - start, patience);
  }
}

Deno.test(`parseConfig() reads or refuses ${SEEDS} random configurations`, () => {
  let good = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      const text = mutate(seed, { bases, most: 4 });
      if (!reads(text)) continue;
      good++;
      parseConfig(configText(parseConfig(text)));
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
  // Some are read and some refused, so the generator is useful.
  assert(good > SEEDS / 50 && good < SEEDS / 2, `${good} of ${SEEDS} read`);
});

Deno.test("parseConfig() is fast even for huge texts", () => {
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

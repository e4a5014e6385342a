/** Checks the form of a refusal. */

// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import type { Result } from "./_harness.ts";

/** Asserts one line without a stack trace, the status and the words. */
export function assertRefused(
  { status, stdout, stderr }: Result,
  expected: number,
  words: RegExp,
): void {
  assertMatch(stderr, words);
  assertMatch(stderr, /^container: [^\n]+\n$/);
  assertMatch(stderr, /[^.]\n$|[.?]\n$/);
  assertEquals([status, stdout], [expected, ""]);
}

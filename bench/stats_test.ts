// @ts-types="../types/std_assert.d.ts"
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  compare,
  difference,
  median,
  quantile,
  shuffled,
  summarize,
} from "./stats.ts";

function near(actual: number, expected: number) {
  assert(
    Math.abs(actual - expected) < 1e-9,
    `${actual} is not close to ${expected}`,
  );
}

Deno.test("quantile() interpolates between neighbours", () => {
  const values = [40, 10, 30, 20];
  assertEquals(quantile(values, 0), 10);
  assertEquals(quantile(values, 1), 40);
  near(quantile(values, 0.1), 13);
  near(quantile(values, 0.5), 25);
  near(quantile(values, 0.9), 37);
});

Deno.test("quantile() does not reorder its input", () => {
  const values = [3, 1, 2];
  quantile(values, 0.5);
  assertEquals(values, [3, 1, 2]);
});

Deno.test("quantile() sorts numbers, not texts", () => {
  assertEquals(quantile([9, 10, 100], 0.5), 10);
});

Deno.test("quantile() refuses an empty sample and shares outside 0 to 1", () => {
  assertThrows(() => quantile([], 0.5), RangeError, "no samples");
  assertThrows(() => quantile([1], 1.5), RangeError, "between 0 and 1");
  assertThrows(() => quantile([1], NaN), RangeError, "between 0 and 1");
});

Deno.test("median() takes the middle of odd and even counts", () => {
  assertEquals(median([5]), 5);
  assertEquals(median([1, 9, 2]), 2);
  assertEquals(median([1, 2, 3, 10]), 2.5);
});

Deno.test("summarize() describes samples", () => {
  const summary = summarize([2, 4, 4, 4, 5, 5, 7, 9]);
  assertEquals(summary.count, 8);
  assertEquals(summary.min, 2);
  assertEquals(summary.max, 9);
  assertEquals(summary.mean, 5);
  assertEquals(summary.median, 4.5);
  assertEquals(summary.mad, 0.5);
  near(summary.standardDeviation, Math.sqrt(32 / 7));
});

Deno.test("summarize() of one sample has no spread", () => {
  const summary = summarize([3]);
  assertEquals(summary.standardDeviation, 0);
  assertEquals(summary.mad, 0);
  assertEquals(summary.p10, 3);
  assertEquals(summary.p90, 3);
});

Deno.test("summarize() has a median that one outlier hardly changes", () => {
  assertEquals(summarize([10, 11, 12, 11, 900]).median, 11);
});

Deno.test("compare() divides medians and pairs rounds for the spread", () => {
  const ratio = compare([20, 40, 60], [10, 20, 30]);
  assert(ratio);
  assertEquals(ratio, { ratio: 2, p10: 2, p90: 2 });
});

Deno.test("compare() skips rounds in which one of the two failed", () => {
  const ratio = compare([30, null, 90, 30], [10, 1, null, 10]);
  assert(ratio);
  assertEquals(ratio.ratio, 3);
});

Deno.test("compare() returns null without a shared round", () => {
  assertEquals(compare([], []), null);
  assertEquals(compare([1, null], [null, 1]), null);
  assertEquals(compare([1, 2], [null]), null);
});

Deno.test("shuffled() keeps every item and leaves its input alone", () => {
  const items = [1, 2, 3, 4, 5];
  const result = shuffled(items, () => 0);
  assertEquals(items, [1, 2, 3, 4, 5]);
  assertEquals(result.toSorted((a, b) => a - b), items);
  assertEquals(result, [2, 3, 4, 5, 1]);
});

Deno.test("difference() compares the rounds that both have", () => {
  assertEquals(difference([10, null, 14, 12], [1, 2, null, 3]), 9);
  assertEquals(difference([null], [1]), null);
});

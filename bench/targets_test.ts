// @ts-types="../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { candidates } from "./candidates.ts";
import { imageCandidates } from "./images/rows.ts";
import { imageTargets } from "./images/targets.ts";
import { candidatesOf, judge, type Target, targets } from "./targets.ts";

const target: Target = {
  kind: "ratio",
  name: "t",
  numerator: "a",
  denominator: "b",
  atMost: 2.5,
};

Deno.test("targets name candidates that exist", () => {
  for (
    const [rows, limits] of [
      [candidates, targets],
      [imageCandidates, imageTargets],
    ] as const
  ) {
    const names = new Set(rows.map(({ name }) => name));
    for (const target of limits) {
      for (const name of candidatesOf(target)) assert(names.has(name), name);
    }
    for (const { peer } of rows) assert(!peer || names.has(peer), peer);
  }
});

Deno.test("judge() meets a target at its bound and misses it above", () => {
  assertEquals(judge(target, () => 2.5, () => true).outcome, "met");
  assertEquals(judge(target, () => 2.51, () => true).outcome, "missed");
});

Deno.test("judge() names the candidate that is missing", () => {
  const verdict = judge(
    target,
    () => null,
    (name) => name !== "b",
  );
  assertEquals(verdict.outcome, "not measured");
  assertEquals(verdict.reason, "no figures for b");
});

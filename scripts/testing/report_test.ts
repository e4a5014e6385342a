// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  announcement,
  type Described,
  finished,
  groups,
  summary,
} from "./report.ts";

const PARTS = [
  { name: "unit", title: "unit tests", budget: 40 },
  { name: "vm", title: "a kernel", budget: 400, together: "machines" as const },
  {
    name: "systemd",
    title: "systemd",
    budget: 320,
    together: "machines" as const,
  },
];

const tally = { passed: 3, failed: 0, skipped: 1 };

Deno.test("announcement() says what will run and about how long it takes", () => {
  assertEquals(
    announcement(PARTS),
    `3 parts, about 6 min on two processors:
  unit       30 s  unit tests
  vm        5 min  a kernel (at the same time)
  systemd   4 min  systemd (at the same time)
`,
  );
  assertEquals(
    announcement(PARTS.slice(0, 1)),
    "1 part, about 30 s on two processors:\n  unit    30 s  unit tests\n",
  );
});

Deno.test("groups() puts parts together that run at the same time", () => {
  assertEquals(
    groups(PARTS).map((group) => group.map(({ name }) => name)),
    [["unit"], ["vm", "systemd"]],
  );
  const images = { name: "images", title: "", budget: 4, together: "lanes" };
  assertEquals(
    groups([images as Described, ...PARTS.slice(1)]).map(({ length }) =>
      length
    ),
    [1, 2],
  );
});

Deno.test("announcement() adds up the parts that share lanes", () => {
  const together = "lanes" as const;
  assertStringIncludes(
    announcement([
      { name: "a", title: "one", budget: 40, together },
      { name: "b", title: "two", budget: 40, together },
    ]),
    "2 parts, about 60 s on two processors:\n  a    30 s  one (sharing lanes)\n",
  );
});

Deno.test("finished() says how long a part took, and whether that is too long", () => {
  const [part] = PARTS;
  assertEquals(
    finished({ part: part!, seconds: 12.3, tally }),
    "unit: 3 passed, 0 failed, 1 skipped in 12 s of 40 s\n",
  );
  assertStringIncludes(
    finished({ part: part!, seconds: 50, tally, note: "alone" }),
    "in 50 s of 40 s, over its budget (alone)",
  );
});

Deno.test("summary() ends with the line that programs read", () => {
  const [part] = PARTS;
  const text = summary([{ part: part!, seconds: 1, tally }]);
  assertEquals(text.split("\n").slice(-4), [
    "1 skipped",
    "",
    "3 passed, 0 failed",
    "",
  ]);
});

// @ts-types="../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { userFacts } from "./_facts_fixture.ts";
import { diagnose } from "./diagnosis.ts";
import { asText, wrap } from "./report.ts";

const unpainted = (text: string) =>
  text.split("\x1b").map((part) => part.replace(/^\[\d+m/, "")).join("");

const diagnosis = diagnose(userFacts({ memfdNoexec: 2 }));

Deno.test("asText() ends with the verdict and aligns the findings", () => {
  const lines = asText(diagnosis, { colour: false, width: null }).split("\n");
  assertEquals(lines.at(-1), diagnosis.verdict);
  const columns = diagnosis.checks.map(({ title, found }) =>
    lines.find((line) => line.includes(`  ${title}  `) && line.includes(found))
      ?.indexOf(found, 6 + title.length)
  );
  assertEquals(new Set(columns).size, 1);
});

Deno.test("asText() without colour has no escape sequences", () => {
  assert(!asText(diagnosis, { colour: false, width: 80 }).includes("\x1b"));
});

Deno.test("asText() wraps to the terminal's width with and without colour, but never a fix", () => {
  const plain = asText(diagnosis, { colour: false, width: 80 });
  const painted = asText(diagnosis, { colour: true, width: 80 });
  assertEquals(unpainted(painted), plain);
  for (const line of plain.split("\n").slice(1, -1)) {
    const wrappable = line.trim().replace(/^(ok|!!|--) +.*? {2,}/, "")
      .includes(" ");
    assert(line.length <= 80 || !wrappable || line.includes("fix: "), line);
  }
});

Deno.test("wrap() keeps a long word whole", () => {
  assertEquals(wrap("a bb verylongword c", 5), ["a bb", "verylongword", "c"]);
});

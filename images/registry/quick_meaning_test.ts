// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { keepsName } from "./quick_meaning.ts";

Deno.test("keepsName() is certain only if no alias changes the name", () => {
  const cases: [text: string, keeps: boolean][] = [
    ["", true],
    ['[aliases]\n  "fedora" = "registry.fedoraproject.org/fedora"\n', true],
    ['[aliases]\n  "alpine" = "docker.io/library/alpine"\n', true],
    ['alpine = "docker.io/library/alpine"', true],
    ['"alpine/git" = "docker.io/alpine/git"\n"my-alpine" = "x.y/alpine"', true],
    ['"alpine" = "example.com/alpine"', false],
    ["'alpine' = 'docker.io/library/alpine'", false],
    ['aliases = { alpine = "example.com/alpine" }', false],
    ['"alpine" = "docker.io/library/alpine"\nalpine = "x.y/z"', false],
    ['"\\u0061lpine" = "example.com/alpine"', false],
  ];
  for (const [text, keeps] of cases) {
    assertEquals(
      keepsName(text, "alpine", "docker.io/library/alpine"),
      keeps,
      text,
    );
  }
});

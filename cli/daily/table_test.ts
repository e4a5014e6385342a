// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { table } from "./table.ts";

Deno.test("table() counts code points, not units", () => {
  assertEquals(
    table([["NAME", "TAG"], ["a", "1"], ["𝒜𝒜𝒜𝒜𝒜", "2"], ["é", ""]]),
    "NAME   TAG\na      1\n𝒜𝒜𝒜𝒜𝒜  2\né",
  );
  assertEquals(table([]), "");
});

/** Tests of the words of the command line with bytes that are not UTF-8. */
// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { withBytes } from "./environment.ts";

const line = (...words: (string | number[])[]) =>
  new Uint8Array(
    words.flatMap((
      word,
    ) => [
      ...(typeof word === "string" ? new TextEncoder().encode(word) : word),
      0,
    ]),
  );

Deno.test("withBytes() takes words with replaced bytes from the end of the command line", () => {
  assertEquals(
    withBytes(
      ["run", "a\ufffdb", "", "\ufffd"],
      line("deno", "run", "main.ts", "run", [0x61, 0xff, 0x62], "", "\ufffd"),
    ),
    ["run", "a\udcffb", "", "\ufffd"],
  );
});

Deno.test("withBytes() keeps a word that was inserted before", () => {
  assertEquals(
    withBytes(["run", "-q", "\ufffd"], line("container", "run", [0xff])),
    ["run", "-q", "\udcff"],
  );
});

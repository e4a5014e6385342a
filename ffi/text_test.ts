/** Tests of text with bytes that are not UTF-8. */
// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { isText, toBytes, toText } from "./text.ts";

Deno.test("toText() keeps each byte that is not UTF-8, and toBytes() returns it", () => {
  for (
    const [bytes, text] of [
      [[0x61, 0xff, 0x62], "a\udcffb"],
      [[0x80, 0xbf], "\udc80\udcbf"],
      // Half of a character at the end, and before another one.
      [[0xc3], "\udcc3"],
      [[0xe2, 0x82, 0x61], "\udce2\udc82a"],
      // An overlong form, a surrogate, and a code point that is too large.
      [[0xc0, 0xaf], "\udcc0\udcaf"],
      [[0xed, 0xb3, 0xbf], "\udced\udcb3\udcbf"],
      [[0xf5, 0x80, 0x80, 0x80], "\udcf5\udc80\udc80\udc80"],
      [[0xf0, 0x9f, 0x98, 0x80, 0xff], "😀\udcff"],
      [[0xff, 0xc3, 0xa9], "\udcffé"],
      [[0xef, 0xbb, 0xbf, 0x61], "\ufeffa"],
      [[], ""],
    ] as const
  ) {
    assertEquals(toText(new Uint8Array(bytes)), text);
    assertEquals([...toBytes(text)], [...bytes]);
  }
});

Deno.test("toBytes() and toText() keep every pair of bytes", () => {
  for (let pair = 0; pair < 0x10000; pair++) {
    const bytes = new Uint8Array([pair >> 8, pair & 0xff]);
    const back = toBytes(toText(bytes));
    if (back.length !== 2 || back[0] !== bytes[0] || back[1] !== bytes[1]) {
      assertEquals(back, bytes);
    }
  }
});

Deno.test("toBytes() refuses half of a character", () => {
  for (const text of ["\ud83d", "a\udc00", "\udd00\udcff"]) {
    assertThrows(() => toBytes(text), TypeError, "half of a character");
  }
});

Deno.test("isText() is false for escaped bytes only", () => {
  assertEquals(["a", "é😀\ufffd", "a\udcff"].map(isText), [true, true, false]);
});

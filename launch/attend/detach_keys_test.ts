// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../spec/errors.ts";
import { DetachKeys, parseDetachKeys } from "./detach_keys.ts";

Deno.test("parseDetachKeys() reads docker's notation", () => {
  const keys = (text: string) => [...parseDetachKeys(text)];
  assertEquals(keys("ctrl-p,ctrl-q"), [16, 17]);
  assertEquals(keys("ctrl-A,b,ctrl-@,ctrl-_"), [1, 98, 0, 31]);
  assertEquals(keys(""), []);
  for (const wrong of ["ctrl-", "ctrl-pq", "ab", "ctrl-p,", "ctrl-1", "é"]) {
    assertThrows(() => parseDetachKeys(wrong), UsageError, "is not a key");
  }
});

/**
 * Returns what passes through when these pieces are typed; `!` stands for the
 * keys.
 */
function typed(keys: string, ...pieces: string[]): string {
  const found = new DetachKeys(parseDetachKeys(keys));
  let text = "";
  for (const piece of pieces) {
    const { bytes, detached } = found.take(new TextEncoder().encode(piece));
    text += new TextDecoder().decode(bytes) + (detached ? "!" : "");
  }
  return text;
}

Deno.test("DetachKeys finds the keys within one piece of input and across pieces", () => {
  assertEquals(typed("ctrl-p,ctrl-q", "ls\x10\x11"), "ls!");
  assertEquals(typed("ctrl-p,ctrl-q", "ls\x10", "\x11"), "ls!");
  assertEquals(typed("ctrl-p,ctrl-q", "\x10", "x"), "\x10x");
  assertEquals(typed("ctrl-p,ctrl-q", "\x10\x10\x11"), "\x10!");
  assertEquals(typed("a,a,b", "aaab"), "a!");
  assertEquals(typed("a,b,a,c", "ababac"), "ab!");
  assertEquals(typed("a", "xay"), "x!");
  assertEquals(typed("", "a\x10\x11"), "a\x10\x11");
});

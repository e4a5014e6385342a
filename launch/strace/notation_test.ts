/** Values as strace(1) writes them. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { SIGNAL, sigset } from "../../ffi/signal.ts";
import { flags, named, octal, plain, quote, signalSet } from "./notation.ts";
import { showInstructions } from "./transcript.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("quote() escapes as strace does", () => {
  assertEquals(quote(bytes('a"b\\c\n\t')), String.raw`"a\"b\\c\n\t"`);
  assertEquals(quote(bytes("é")), String.raw`"\303\251"`);
  // A digit after an octal escape would be taken for a part of it.
  assertEquals(quote(bytes("\x01x\x012")), String.raw`"\1x\0012"`);
  assertEquals(quote(new Uint8Array(1)), String.raw`"\0"`);
});

Deno.test("flags() names the bits, and shows what has no name", () => {
  const names = { A: 1, B: 2, BOTH: 3 };
  assertEquals(flags(3, names), "A|B");
  assertEquals(flags(0, names), "0");
  assertEquals(flags(9n, names), "A|0x8");
});

Deno.test("named() and octal() write numbers that have no name", () => {
  assertEquals([named(2, { X: 2 }), named(3, { X: 2 })], ["X", "3"]);
  assertEquals([octal(0), octal(0o755)], ["000", "0755"]);
});

Deno.test("plain() puts what is not known yet in angle brackets", () => {
  assertEquals(plain({ slot: "kernel" }), "<kernel>");
  assertEquals(plain({ addressOf: "group" }), "[<group>]");
  assertEquals(plain(["a", "b"]), '["a", "b"]');
  assertEquals(plain(null), "NULL");
});

Deno.test("signalSet() writes the shorter half", () => {
  const show = (...signals: number[]) => signalSet(sigset(signals), SIGNAL);
  assertEquals(show(), "[]");
  assertEquals(
    show(SIGNAL.SIGINT, SIGNAL.SIGCHLD, 32, 34),
    "[INT CHLD RTMIN RT_2]",
  );
  const all = Array.from({ length: 64 }, (_, index) => index + 1);
  assertEquals(
    show(...all.filter((signal) => signal !== SIGNAL.SIGKILL)),
    "~[KILL]",
  );
});

Deno.test("showInstructions() counts what is skipped in calls, not in comparisons", () => {
  assertEquals(
    showInstructions([
      {
        name: "chdir",
        args: ["/a"],
        expect: ["ENOENT"],
        skipOnExpected: 2,
      },
      { name: "compare", args: ["a", "b", 1], otherwise: "EXDEV" },
      { name: "close", args: [{ slot: "a" }], skipOnSuccess: 1 },
      { name: "close", args: [3] },
      { name: "fail", error: "ENOENT" },
    ]),
    [
      'chdir("/a") = 0 /* or ENOENT: skip 1 */',
      "close(<a>) = 0 /* then skip 1 */",
      "close(3) = 0",
    ],
  );
});

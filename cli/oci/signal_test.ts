/** Names of signals on the command line. */
// @ts-types="../../types/std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../spec/errors.ts";
import { isSignal, signalNumber } from "./signal.ts";

Deno.test("signalNumber() reads numbers and names, including real-time signals", () => {
  const known: [word: string, number: number][] = [
    ["0", 0],
    ["9", 9],
    ["64", 64],
    ["KILL", 9],
    ["sigterm", 15],
    ["Int", 2],
    ["IOT", 6],
    ["SIGCLD", 17],
    ["SIGPOLL", 29],
    ["RTMIN", 34],
    ["SIGRTMIN+3", 37],
    ["RTMAX-14", 50],
    ["sigrtmax", 64],
  ];
  for (const [word, number] of known) {
    assertEquals(signalNumber(word), number, word);
    assertEquals(isSignal(word), true, word);
  }
});

Deno.test("signalNumber() refuses a word that is not a signal", () => {
  for (
    const word of [
      ...["", "65", "-9", "1.5", "NOPE", "SIG", "SIGSIGKILL", "KILL "],
      ...["RTMIN+31", "RTMIN-1", "RTMAX+1", "constructor", "9x"],
    ]
  ) {
    assertThrows(() => signalNumber(word), UsageError, "unknown signal", word);
  }
});

// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { lowerProcess } from "./lower_process.ts";

Deno.test("setRlimit is lowered with every digit, and -1 to no limit", () => {
  const words = (soft: number | bigint, hard: number | bigint) => {
    const [call] = lowerProcess.setRlimit({
      step: "setRlimit",
      type: "RLIMIT_AS",
      soft,
      hard,
      why: "",
      man: "",
    });
    const bytes = call && "args" in call ? call.args[2] : null;
    const { buffer } = bytes as Uint8Array<ArrayBuffer>;
    return [...new BigUint64Array(buffer)];
  };
  assertEquals(words(1, -1), [1n, (1n << 64n) - 1n]);
  assertEquals(words((1n << 53n) + 1n, (1n << 63n) - 1n), [
    9007199254740993n,
    9223372036854775807n,
  ]);
});

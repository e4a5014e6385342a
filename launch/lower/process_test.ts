// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { PR } from "../../ffi/prctl.ts";
import type { LimitValue } from "../../plan/step.ts";
import { lowerProcess } from "./process.ts";

Deno.test("setRlimit is lowered with every digit, and -1 to RLIM_INFINITY", () => {
  const words = (soft: LimitValue, hard: LimitValue) => {
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
  assertEquals(words("9007199254740993", "9223372036854775807"), [
    9007199254740993n,
    9223372036854775807n,
  ]);
});

Deno.test("limitCapabilities drops all other capabilities, including those of newer kernels", () => {
  const calls = lowerProcess.limitCapabilities({
    step: "limitCapabilities",
    bounding: ["CAP_CHOWN", "CAP_BPF"],
    why: "",
    man: "",
  });
  const [bits, ...drops] = calls.flatMap((call) =>
    call.name === "prctl" ? [call] : []
  );
  assertEquals(bits?.args, [PR.PR_SET_SECUREBITS, 0, 0, 0, 0]);
  const dropped = drops.map(({ args }) => args[1]);
  const all = Array.from({ length: 64 }, (_, number) => number);
  assertEquals(dropped, all.filter((number) => number !== 0 && number !== 39));
  // Only capabilities without a name here may be missing in the kernel.
  for (const call of drops) {
    const isKnown = Number(call.args[1]) <= 40;
    assertEquals(call.expect, isKnown ? undefined : ["EINVAL"]);
  }
});

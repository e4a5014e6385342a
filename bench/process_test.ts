// @ts-types="../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { complaint, run, time } from "./process.ts";

function failed(stderr: string) {
  return { code: 3, stdout: "", stderr };
}

Deno.test("complaint() picks the error line without its colours", () => {
  assertEquals(
    complaint(failed("warming up\n\x1b[31merror\x1b[0m: no such thing\n")),
    "error: no such thing",
  );
  assertEquals(complaint(failed("something odd\n")), "something odd");
  assertEquals(complaint(failed("")), "exit status 3");
});

Deno.test("complaint() adds the last cause and drops the backtrace", () => {
  const stderr = "Compile a\nerror: Writing a\n\nCaused by:\n" +
    "    0: Setting up\n    1: no network\n\nStack backtrace:\n   0: main\n";
  assertEquals(complaint(failed(stderr)), "error: Writing a: no network");
});

Deno.test("run() reports that it killed a command that took too long", async () => {
  const result = await run({ argv: ["sleep", "20"] }, { timeout: 50 });
  assert(result.code !== 0);
  assertEquals(complaint(result), "killed after 0.05 s");
});

Deno.test("time() returns what a command took, or null if it fails", async () => {
  assertEquals(await time({ argv: ["false"] }), null);
  const { elapsed, processor } = (await time({ argv: ["true"] }))!;
  assert(elapsed > 0 && processor! > 0);
});

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { describe, sum, tally } from "./junit.ts";

async function report(source: string): Promise<[string | null, boolean]> {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${dir}/a_test.js`, source);
    const xml = `${dir}/report.xml`;
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "--no-config", "--quiet", `--junit-path=${xml}`, dir],
    }).output();
    return [await Deno.readTextFile(xml).catch(() => null), success];
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("tally() counts what Deno reports, steps and odd names too", async () => {
  const [xml, success] = await report(`
    Deno.test("passes </testcase><failure>", () => {});
    Deno.test({ name: "skipped", ignore: true, fn() {} });
    Deno.test("steps", async (t) => {
      await t.step("passes", () => {});
      await t.step({ name: "skipped", ignore: true, fn() {} });
    });
    Deno.test("fails", () => {
      throw new Error("</testcase> ]]> <skipped/>");
    });
  `);
  assertEquals(tally(xml, success), { passed: 3, failed: 1, skipped: 2 });
});

Deno.test("tally() counts a module that does not load as a failure", async () => {
  const [xml, success] = await report(`throw new Error("no");`);
  assertEquals(tally(xml, success), { passed: 0, failed: 1, skipped: 0 });
});

Deno.test("tally() counts a run without a whole report as a failure", () => {
  const half = `<testsuites><testsuite><testcase name="a"></testcase>`;
  assertEquals(tally(null, false).failed, 1);
  assertEquals(tally(null, true).failed, 1);
  assertEquals(tally(half, true), { passed: 1, failed: 1, skipped: 0 });
});

Deno.test("describe() tells skips only where there are any", () => {
  const some = { passed: 2, failed: 0, skipped: 1 };
  assertEquals(describe(sum([some, some])), "4 passed, 0 failed, 2 skipped");
  assertEquals(describe(sum([])), "0 passed, 0 failed");
});

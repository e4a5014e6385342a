// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { importsOf, Touched } from "./changed.ts";

Deno.test("importsOf() finds static and dynamic imports of files", () => {
  assertEquals(
    importsOf(`
import { a } from "./a.ts";
import type { b } from "../b.ts";
import "./c.ts";
export * from "./d.ts";
const e = await import("./e.ts");
import { f } from "@std/path";
`),
    ["./a.ts", "../b.ts", "./c.ts", "./d.ts", "./e.ts"],
  );
});

Deno.test("Touched.has() follows imports, including circular ones", () => {
  const modules: Record<string, string> = {
    "/a_test.ts": 'import "./a.ts";',
    "/a.ts": 'import "./b.ts";',
    "/b.ts": 'import "./a.ts"; import "./c.ts";',
    "/c.ts": "",
    "/other_test.ts": "",
  };
  const touched = new Touched(["/c.ts"], (path) => modules[path] ?? null);
  assertEquals(
    ["/a_test.ts", "/other_test.ts"].map((path) => touched.has(path)),
    [true, false],
  );
});

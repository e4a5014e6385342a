// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import config from "../../deno.json" with { type: "json" };

/** `npm:name@version` of an import, without a path inside the package. */
const packageOf = (specifier: string) =>
  specifier.match(/^npm:(@[^/]+\/)?[^/]+/)?.[0] ?? specifier;

// A lock file of other packages is out of date, and no engine test starts.
Deno.test("the lock file of the engine tests has the packages of deno.json", async () => {
  const lock = JSON.parse(
    await Deno.readTextFile(
      new URL("../../tests/engines/deno.lock", import.meta.url),
    ),
  );
  assertEquals(
    lock.workspace.dependencies,
    [...new Set(Object.values(config.imports).map(packageOf))].toSorted(),
  );
});

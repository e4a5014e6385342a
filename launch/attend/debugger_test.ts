// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { opensDebugger } from "./debugger.ts";

Deno.test("opensDebugger() knows the Deno versions that open a debugger on SIGUSR1", () => {
  for (const version of ["1.46.3", "2.6.8", "2.9.1", "2.9.0+ab12"]) {
    assertEquals(opensDebugger(version), false, version);
  }
  for (const version of ["2.9.2", "2.9.6", "2.10.0", "3.0.0", "2.9.6+ab12"]) {
    assertEquals(opensDebugger(version), true, version);
  }
});

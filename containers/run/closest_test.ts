// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { closestString, closestStrings } from "./closest.ts";

Deno.test("closestString() finds a near word and no distant one", () => {
  assertEquals(closestString("rnu", ["run", "explain"]), "run");
  assertEquals(closestString("explian", ["run", "explain"]), "explain");
  assertEquals(closestString("xyzzyxyz", ["run"]), null);
  assertEquals(closestString("run", []), null);
  assertEquals(closestString("Z", ["rm", "pid"]), null);
  assertEquals(closestString("", ["ps"]), null);
});

Deno.test("closestStrings() finds several words, but none that is only as short", () => {
  const commands = ["run", "rm", "ps", "kill", "start", "restart", "stats"];
  assertEquals(closestStrings("pull", commands), []);
  assertEquals(closestStrings("stat", commands), ["stats", "start"]);
  assertEquals(closestStrings("satrt", commands), ["start"]);
});

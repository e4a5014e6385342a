/** How a first process gets to where it is. */

// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { defaultSpec } from "../spec/defaults.ts";
import { makeFacts } from "./_facts_fixture.ts";
import { compile } from "./compile.ts";
import type { Facts } from "./facts.ts";
import type { Phase } from "./step.ts";

Deno.test("what a user creates executes itself again where it is closed to them, from before anything is joined", () => {
  const own = defaultSpec({ rootfs: "/srv/fs", args: ["true"], env: [] });
  own.linux.namespaces.push({ type: "user", path: "/proc/1/ns/user" });
  const kinds = (phase: Phase, facts: Partial<Facts>) =>
    compile(own, makeFacts(facts))[phase].map(({ step }) => step);
  const facts = { init: false, held: true, closedToCaller: true };
  const launch = kinds("launch", facts);
  assertEquals(launch[0], "keepWalker");
  assertEquals(launch.slice(launch.indexOf("setIds")), [
    "setIds",
    "executeWalker",
  ]);
  assertEquals(kinds("container", facts)[0], "setDumpable");
  const others = kinds("launch", { ...facts, closedToCaller: false });
  assertEquals(others.filter((kind) => kind.endsWith("Walker")), []);
});

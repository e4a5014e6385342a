/** The steps that start a container's first process. */

// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { defaultSpec } from "../spec/defaults.ts";
import { makeFacts } from "./_facts_fixture.ts";
import { compile } from "./compile.ts";
import type { Facts } from "./facts.ts";
import type { Phase } from "./step.ts";

Deno.test("compile() has the walker execute itself again if it is closed to its creator", () => {
  const own = defaultSpec({ rootfs: "/srv/fs", args: ["true"], env: [] });
  own.linux.namespaces.push({ type: "user", path: "/proc/1/ns/user" });
  const kinds = (phase: Phase, facts: Partial<Facts>) =>
    compile(own, makeFacts(facts))[phase].map(({ step }) => step);
  const facts = {
    init: false,
    waits: true,
    outlives: true,
    closedToCaller: true,
  };
  const launch = kinds("launch", facts);
  assertEquals(launch.slice(0, 2), ["setUmask", "keepWalker"]);
  assertEquals(launch.slice(launch.indexOf("setIds")), [
    "setIds",
    "executeWalker",
  ]);
  assertEquals(kinds("container", facts)[0], "setDumpable");
  const others = kinds("launch", { ...facts, closedToCaller: false });
  assertEquals(others.filter((kind) => kind.endsWith("Walker")), []);
});

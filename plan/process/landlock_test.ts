/** restrictByLandlock(): rules to steps, for different versions of Landlock. */
// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { type LandlockRules, restrictByLandlock } from "./landlock.ts";

const steps = (rules: LandlockRules, abi = 7) => restrictByLandlock(rules, abi);

const rightsOf = (rules: LandlockRules, path: string, abi = 7) =>
  steps(rules, abi).flatMap((step) =>
    step.step === "allowBelow" && step.path === path ? [...step.rights] : []
  );

Deno.test("restrictByLandlock() makes a ruleset, adds the rules and restricts last", () => {
  assertEquals(
    steps({ ro: ["/"], rw: ["/tmp"], connect: [80] }).map(({ step }) => step),
    ["createRuleset", "allowBelow", "allowBelow", "allowPort", "restrictSelf"],
  );
});

Deno.test("restrictByLandlock() allows executing below exec, or without it below ro and rw", () => {
  const rules = { ro: ["/"], rw: ["/tmp"] };
  assert(rightsOf(rules, "/").includes("EXECUTE"));
  assert(rightsOf(rules, "/tmp").includes("EXECUTE"));
  const named = { ...rules, exec: ["/bin"] };
  assert(!rightsOf(named, "/").includes("EXECUTE"));
  assert(!rightsOf(named, "/tmp").includes("EXECUTE"));
  assertEquals(rightsOf(named, "/bin"), ["READ_FILE", "READ_DIR", "EXECUTE"]);
});

Deno.test("restrictByLandlock() allows no writing below ro", () => {
  assertEquals(rightsOf({ ro: ["/"] }, "/"), [
    "READ_FILE",
    "READ_DIR",
    "EXECUTE",
  ]);
});

Deno.test("restrictByLandlock() uses only rights that the kernel's version has", () => {
  const first = (abi: number) => {
    const [step] = steps({ rw: ["/"] }, abi);
    if (step?.step !== "createRuleset") throw new TypeError();
    return [step.files.length, step.ports.length, step.scopes.length];
  };
  assertEquals(first(1), [13, 0, 0]);
  assertEquals(first(2), [14, 0, 0]);
  assertEquals(first(3), [15, 0, 0]);
  assertEquals(first(4), [15, 2, 0]);
  assertEquals(first(5), [16, 2, 0]);
  assertEquals(first(6), [16, 2, 2]);
  assertEquals(rightsOf({ rw: ["/"] }, "/", 1).length, 13);
});

Deno.test("restrictByLandlock() restricts no ports if the rule is any", () => {
  const ports = (rules: LandlockRules) =>
    steps({ ro: ["/"], ...rules }).flatMap((step) =>
      step.step === "createRuleset" ? step.ports : []
    );
  assertEquals(ports({ connect: "any" }), ["BIND_TCP"]);
  assertEquals(ports({ connect: "any", bind: "any" }), []);
});

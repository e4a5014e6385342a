/** Rules to steps, for kernels that have more and less of Landlock. */
// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { type LandlockRules, restrictByLandlock } from "./landlock.ts";

const steps = (rules: LandlockRules, abi = 7) => restrictByLandlock(rules, abi);

const rightsOf = (rules: LandlockRules, path: string, abi = 7) =>
  steps(rules, abi).flatMap((step) =>
    step.step === "allowBelow" && step.path === path ? [...step.rights] : []
  );

Deno.test("restrictByLandlock() prepares, names, and closes last", () => {
  assertEquals(
    steps({ ro: ["/"], rw: ["/tmp"], connect: [80] }).map(({ step }) => step),
    ["createRuleset", "allowBelow", "allowBelow", "allowPort", "restrictSelf"],
  );
});

Deno.test("restrictByLandlock() lets be executed what is named, or else what can be read", () => {
  const rules = { ro: ["/"], rw: ["/tmp"] };
  assert(rightsOf(rules, "/").includes("EXECUTE"));
  assert(rightsOf(rules, "/tmp").includes("EXECUTE"));
  const named = { ...rules, exec: ["/bin"] };
  assert(!rightsOf(named, "/").includes("EXECUTE"));
  assert(!rightsOf(named, "/tmp").includes("EXECUTE"));
  assertEquals(rightsOf(named, "/bin"), ["READ_FILE", "READ_DIR", "EXECUTE"]);
});

Deno.test("restrictByLandlock() lets nothing be written below ro", () => {
  assertEquals(rightsOf({ ro: ["/"] }, "/"), [
    "READ_FILE",
    "READ_DIR",
    "EXECUTE",
  ]);
});

Deno.test("restrictByLandlock() asks a kernel for no more than it knows", () => {
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

Deno.test("restrictByLandlock() leaves any port open where any is said", () => {
  const ports = (rules: LandlockRules) =>
    steps({ ro: ["/"], ...rules }).flatMap((step) =>
      step.step === "createRuleset" ? step.ports : []
    );
  assertEquals(ports({ connect: "any" }), ["BIND_TCP"]);
  assertEquals(ports({ connect: "any", bind: "any" }), []);
});

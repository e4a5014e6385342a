/** The ways into a container's cgroup, in a plan. */
// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { defaultSpec } from "../spec/defaults.ts";
import type { Spec } from "../spec/types.ts";
import { makeFacts } from "./_facts_fixture.ts";
import { compile } from "./compile.ts";
import type { Facts } from "./facts.ts";
import { type Phase, PHASES, type StepKind, type StepOf } from "./step.ts";

const spec = (changes: Partial<Spec> = {}): Spec => ({
  ...defaultSpec({ rootfs: "/srv/fs", args: ["sh"], env: ["PATH=/bin"] }),
  ...changes,
});

const kinds = (phase: Phase, facts: Partial<Facts>) =>
  compile(spec(), makeFacts(facts))[phase].map(({ step }) => step);

function find<K extends StepKind>(
  kind: K,
  facts: Partial<Facts>,
  of = spec(),
): StepOf<K>[] {
  const plan = compile(of, makeFacts(facts));
  return PHASES.flatMap((phase) => plan[phase])
    .filter((step): step is StepOf<K> => step.step === kind);
}

const V1_ENTRY = {
  join: ["/cg/x/cgroup.procs"],
  back: ["/cg/cgroup.procs"],
  directory: null,
};

Deno.test("the cgroup is joined before anything else, and its namespace entered after", () => {
  const facts = { init: false, cgroupEntry: V1_ENTRY };
  assertEquals(kinds("launch", facts).slice(0, 3), [
    "openCgroups",
    "clone",
    "joinCgroups",
  ]);
  assertEquals(find("unshare", facts)[0]!.namespaces.includes("cgroup"), true);
  assertEquals(find("clone", facts)[0]!.namespaces.includes("cgroup"), false);
  assertEquals(find("joinCgroups", facts).length, 1);
});

Deno.test("on cgroup v2 PID 1 is born in its cgroup", () => {
  const facts = {
    init: false,
    cgroupEntry: { ...V1_ENTRY, directory: "/cg/x" },
  };
  assertEquals(kinds("launch", facts)[0], "clone");
  assertEquals(find("clone", facts)[0]!.cgroup, "/cg/x");
  assertEquals(find("joinCgroups", facts), []);
});

Deno.test("limits are the command's: our program as PID 1 makes the cgroup namespace and leaves", () => {
  for (const directory of [null, "/cg/x"]) {
    const facts = { cgroupEntry: { ...V1_ENTRY, directory } };
    const joined = find("joinCgroups", facts).map(({ files }) => files[0]);
    assertEquals(joined, [
      ...(directory ? [] : ["/cg/x/cgroup.procs"]),
      "/cg/cgroup.procs",
      "/cg/x/cgroup.procs",
    ]);
    assertEquals(kinds("process", facts)[0], "joinCgroups");
    const launch = kinds("launch", facts);
    assertEquals(launch[launch.lastIndexOf("joinCgroups") - 1], "unshare");
  }
  // With the host's namespace there is nothing to go in for.
  const host = spec({ linux: { namespaces: [{ type: "pid" }] } });
  assertEquals(
    find("joinCgroups", { cgroupEntry: V1_ENTRY }, host).length,
    1,
  );
});

Deno.test("the ways into the cgroup survive until the command takes one", () => {
  const kept = find("closeDescriptors", { cgroupEntry: V1_ENTRY })
    .slice(0, 2).map(({ from, to }) => [from, to]);
  assertEquals(kept, [[7, 8], [10, undefined]]);
});

/** The steps by which processes enter a container's cgroup. */
// @ts-types="../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { defaultSpec } from "../spec/defaults.ts";
import type { NamespaceType, Spec } from "../spec/types.ts";
import { makeFacts } from "./_facts_fixture.ts";
import { compile } from "./compile.ts";
import { compileExec } from "./exec.ts";
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
  join: ["/cg/x/tasks"],
  back: ["/cg/tasks"],
  directory: null,
};
const V2_ENTRY = {
  join: [],
  back: ["/cg/cgroup.procs"],
  directory: "/cg/x",
};
/** A cgroup with a part in a v1 tree and a part in the v2 tree. */
const HYBRID_ENTRY = {
  join: ["/cg/x/tasks"],
  back: ["/cg/tasks", "/u/cgroup.procs"],
  directory: "/u/x",
};

Deno.test("compile() joins the cgroup first and makes its namespace after that", () => {
  const facts = { init: false, cgroupEntry: V1_ENTRY };
  assertEquals(kinds("launch", facts).slice(0, 4), [
    "setUmask",
    "openCgroups",
    "clone",
    "joinCgroups",
  ]);
  assertEquals(find("unshare", facts)[0]!.namespaces.includes("cgroup"), true);
  assertEquals(find("clone", facts)[0]!.namespaces.includes("cgroup"), false);
  assertEquals(find("joinCgroups", facts).length, 1);
});

Deno.test("compile() creates PID 1 in its cgroup on cgroup v2", () => {
  const facts = { init: false, cgroupEntry: V2_ENTRY };
  assertEquals(kinds("launch", facts).slice(0, 2), ["setUmask", "clone"]);
  assertEquals(find("clone", facts)[0]!.cgroup, "/cg/x");
  assertEquals(find("joinCgroups", facts), []);
});

Deno.test("compile() creates PID 1 in the v2 cgroup and joins the v1 cgroups", () => {
  const facts = { init: false, cgroupEntry: HYBRID_ENTRY };
  assertEquals(find("clone", facts)[0]!.cgroup, "/u/x");
  assertEquals(find("joinCgroups", facts).map(({ files }) => files), [
    ["/cg/x/tasks"],
  ]);
});

Deno.test("compile() has PID 1 join by files opened before, if it joins a cgroup or mount namespace", () => {
  for (const type of ["cgroup", "mount"] as const) {
    const joins = spec({
      linux: { namespaces: [{ type, path: "/proc/1/ns/x" }] },
    });
    const facts = { init: false, cgroupEntry: HYBRID_ENTRY };
    const { launch } = compile(joins, makeFacts(facts));
    const at = (kind: StepKind) =>
      launch.findIndex(({ step }) => step === kind);
    assert(at("openCgroups") < at("joinNamespaces"));
    assertEquals(find("clone", facts, joins)[0]!.cgroup, undefined);
    assertEquals(find("joinCgroups", facts, joins).map(({ files }) => files), [
      ["/cg/x/tasks", "/u/x/cgroup.procs"],
    ]);
  }
});

Deno.test("compileExec() creates the process in the container's cgroup, except from its cgroup namespace", () => {
  const facts = makeFacts({ init: false, cgroupEntry: HYBRID_ENTRY });
  const launch = (namespaces: NamespaceType[]) =>
    compileExec(spec(), facts, { pid: 7, namespaces, root: false }).launch;
  const steps = (namespaces: NamespaceType[]) => ({
    born: launch(namespaces).some((step) =>
      step.step === "clone" && step.cgroup
    ),
    written: launch(namespaces).flatMap((step) =>
      step.step === "joinCgroups" ? step.files : []
    ),
  });
  assertEquals(steps(["mount"]), { born: true, written: ["/cg/x/tasks"] });
  assertEquals(steps(["mount", "cgroup"]), {
    born: false,
    written: ["/cg/x/tasks", "/u/x/cgroup.procs"],
  });
});

Deno.test("compile() has our program as PID 1 create the cgroup namespace and leave the cgroup", () => {
  for (
    const [cgroupEntry, ways] of [
      [V1_ENTRY, ["/cg/x/tasks"]],
      [V2_ENTRY, ["/cg/x/cgroup.procs"]],
      [HYBRID_ENTRY, ["/cg/x/tasks", "/u/x/cgroup.procs"]],
    ] as const
  ) {
    const facts = {
      cgroupEntry: {
        ...cgroupEntry,
        join: [...cgroupEntry.join],
        back: [...cgroupEntry.back],
      },
    };
    const { join, back } = cgroupEntry;
    assertEquals(find("joinCgroups", facts).map(({ files }) => files), [
      ...(join.length ? [[...join]] : []),
      [...back],
      [...ways],
    ]);
    const [out] = find("joinCgroups", facts).slice(-2);
    assertEquals(out?.from, 9 + ways.length);
    assertEquals(kinds("process", facts)[0], "joinCgroups");
    const launch = kinds("launch", facts);
    assertEquals(launch[launch.lastIndexOf("joinCgroups") - 1], "unshare");
  }
  // With the host's cgroup namespace, PID 1 has no reason to join.
  const host = spec({ linux: { namespaces: [{ type: "pid" }] } });
  assertEquals(
    find("joinCgroups", { cgroupEntry: V1_ENTRY }, host).length,
    1,
  );
});

Deno.test("compile() keeps the cgroup files open until the command joins", () => {
  const kept = find("closeDescriptors", { cgroupEntry: V1_ENTRY })
    .slice(0, 2).map(({ from, to }) => [from, to]);
  assertEquals(kept, [[7, 8], [10, undefined]]);
});

/** The outline, parts and differences of plans that no machine has decided. */
// @ts-types="../types/std_assert.d.ts"
import { assert, assertEquals, assertNotMatch } from "@std/assert";
import { makeFacts } from "../plan/_facts_fixture.ts";
import { HOST_STEPS } from "../plan/_host_steps_fixture.ts";
import { compile } from "../plan/compile.ts";
import type { Facts } from "../plan/facts.ts";
import { WITH_PROCESS } from "../plan/host_kinds.ts";
import { defaultSpec } from "../spec/defaults.ts";
import type { Spec } from "../spec/types.ts";
import { differenceAsText, differenceOf } from "./difference.ts";
import { type Explained, explainSteps } from "./explained.ts";
import { IDEAS } from "./ideas.ts";
import { asOutline } from "./outline.ts";
import { inOrder } from "./steps/order.ts";
import { asText } from "./text.ts";

const PLAIN = { colour: false, width: 80 };

const spec = (change: (spec: Spec) => void = () => {}): Spec => {
  const made = defaultSpec({
    rootfs: "/srv/fs",
    args: ["sh"],
    env: ["PATH=/bin"],
  });
  change(made);
  return made;
};

const explained = (
  asked: Spec,
  facts: Partial<Facts> = {},
  keeper?: Explained["keeper"],
): Explained => ({
  command: "run",
  plan: compile(asked, makeFacts(facts)),
  args: ["sh"],
  leftOut: [],
  ...(keeper ? { keeper } : {}),
});

const user = spec(({ linux }) => {
  linux.namespaces.push({ type: "user" });
  linux.uidMappings = [{ containerID: 0, hostID: 1000, size: 1 }];
});

const KEEPER = {
  directory: "/run/x",
  logMax: 4 << 20,
  terminal: true,
  interactive: true,
  removes: false,
  restart: "always",
};

const ALL: readonly Explained[] = [
  explained(spec()),
  explained(spec(), { init: false, changeRoot: "chroot" }),
  explained(spec(), { rootKind: "empty" }),
  explained(spec(), { rootKind: "host" }),
  explained(spec(), { overlay: { upper: null, work: null } }),
  explained(spec(), { overlay: { upper: "/u", work: "/w" } }),
  explained(user, { mapHelper: true, denySetgroups: true, bindDevices: true }),
  explained(spec(), {
    init: false,
    hostSteps: HOST_STEPS,
    cgroupEntry: {
      join: ["/cg/x/tasks"],
      back: ["/cg/tasks"],
      directory: null,
    },
  }, KEEPER),
];

Deno.test("asOutline() has a whole sentence for each idea of any plan", () => {
  for (const one of ALL) {
    const outline = asOutline(one, PLAIN);
    assertNotMatch(outline, /undefined| ;|; $| {2}$/m);
    const rows = [
      ...outline.matchAll(/^([a-z]+) +(\d+) {2}([A-Z/].*)$/gm),
    ];
    const ideas = new Set(explainSteps(one).map(({ idea }) => idea));
    assertEquals(
      rows.map(([, idea]) => idea),
      IDEAS.filter((idea) =>
        ideas.has(idea) || idea === "filter" || idea === "cgroup"
      ),
    );
    const counted = rows.reduce((sum, [, , count]) => sum + Number(count), 0);
    assertEquals(counted, explainSteps(one).length);
  }
});

Deno.test("asOutline() fits the width, and colours only on request", () => {
  for (const one of ALL) {
    const lines = asOutline(one, { colour: false, width: 60 }).split("\n");
    assertEquals(lines.slice(1, -1).filter((line) => line.length > 60), []);
    assert(!asOutline(one, PLAIN).includes("\x1b"));
    assert(asOutline(one, { ...PLAIN, colour: true }).includes("\x1b[36m"));
  }
});

Deno.test("inOrder() puts host steps that need the first process after its clone", () => {
  const { plan } = ALL.at(-1)!;
  const order = inOrder(plan).map(({ step }) => step.step);
  const born = order.indexOf("clone");
  for (const [index, step] of order.entries()) {
    if (WITH_PROCESS.has(step)) assert(index > born, step);
  }
  assertEquals(
    order.slice(0, born).filter((step) => WITH_PROCESS.has(step)),
    [],
  );
  assertEquals(
    order.toSorted(),
    Object.values(plan).flatMap((steps) => Array.isArray(steps) ? steps : [])
      .map(({ step }) => step).toSorted(),
  );
});

Deno.test("asText() prints what the keeper does before the launch", () => {
  const text = asText(ALL.at(-1)!, PLAIN);
  const at = (part: string) => text.indexOf(part);
  assert(at("keeper, on the host") > at("host, by the parent"));
  assert(at("keeper, on the host") < at("launch, by the walker"));
  assert(at("start the container again (--restart always)") > 0);
});

Deno.test("differenceOf() sees a step that moved, and no renumbered mount", () => {
  const bind = (destination: string) => ({
    destination,
    type: "bind",
    source: "/srv",
    options: ["rbind"],
  });
  const before = explained(spec(({ mounts }) => {
    mounts!.unshift(bind("/a"));
  }));
  const after = explained(spec(({ mounts }) => {
    mounts!.unshift(bind("/b"), bind("/a"));
  }));
  const { changes } = differenceOf(before, after);
  assertEquals(new Set(changes.map(({ sign }) => sign)), new Set(["+"]));
  assertEquals(
    differenceAsText(differenceOf(before, before), PLAIN),
    "The two plans are the same.",
  );
  const swapped = explained(spec(({ mounts }) => {
    mounts!.unshift(bind("/a"), bind("/b"));
  }));
  const moved = differenceOf(after, swapped).changes;
  assertEquals(
    moved.filter(({ sign }) => sign === "-").length * 2,
    moved.length,
  );
  assert(moved.length > 0);
});

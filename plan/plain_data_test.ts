/** A plan is plain data: JSON preserves all of it. */
// @ts-types="../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { defaultSpec } from "../spec/defaults.ts";
import { makeFacts } from "./_facts_fixture.ts";
import { HOST_STEPS } from "./_host_steps_fixture.ts";
import { compile } from "./compile.ts";
import type { Facts } from "./facts.ts";

const spec = () =>
  defaultSpec({ rootfs: "/srv/fs", args: ["sh"], env: ["PATH=/bin"] });

/** The places in a value that JSON does not preserve. */
function* lostInJson(value: unknown, place: string): Generator<string> {
  if (typeof value === "number" && Number.isFinite(value)) return;
  if (["string", "boolean"].includes(typeof value) || value === null) return;
  const isList = Array.isArray(value);
  const prototype = isList ? Array.prototype : Object.prototype;
  if (
    typeof value !== "object" || Object.getPrototypeOf(value) !== prototype
  ) {
    yield `${place}: ${typeof value}`;
    return;
  }
  const members = Object.entries(Object.getOwnPropertyDescriptors(value));
  for (const [name, { get, value: member }] of members) {
    if (isList && name === "length") continue;
    if (get) yield `${place}.${name}: a getter`;
    else yield* lostInJson(member, `${place}.${name}`);
  }
}

Deno.test("compile() returns plain data, which JSON preserves", () => {
  const rich = spec();
  rich.process.rlimits = [
    { type: "RLIMIT_NOFILE", soft: 64, hard: -1 },
    { type: "RLIMIT_AS", soft: 1, hard: 9223372036854775807n },
  ];
  rich.process.terminal = true;
  rich.linux.timeOffsets = { monotonic: { secs: -5, nanosecs: 1 } };
  const learns = { profile: "learn", filter: "", flags: 0, learns: true };
  const facts: Partial<Facts>[] = [
    {},
    { init: false },
    { init: false, waits: true, outlives: true, plainLines: true },
    {
      overlay: { upper: null, work: null },
      raisedLimits: rich.process.rlimits,
    },
    { seccomp: { ...learns, learns: true } },
    {
      hostSteps: HOST_STEPS,
      cgroupEntry: { join: [], directory: "/c", back: ["/procs"] },
    },
  ];
  for (const asked of [spec(), rich]) {
    for (const changes of facts) {
      const plan = compile(asked, makeFacts(changes));
      assertEquals([...lostInJson(plan, "plan")], []);
      assertEquals(JSON.parse(JSON.stringify(plan)), plan);
    }
  }
});

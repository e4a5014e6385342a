/** Every kind of step that a plan can have is described in words. */
// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertNotMatch } from "@std/assert";
import { defaultSpec } from "../../spec/defaults.ts";
import type { Spec } from "../../spec/types.ts";
import { makeFacts } from "../../plan/_facts_fixture.ts";
import { HOST_STEPS } from "../../plan/_host_steps_fixture.ts";
import {
  capabilitySets,
  DEFAULT_CAPABILITIES,
} from "../../plan/process/capabilities.ts";
import { compile } from "../../plan/compile.ts";
import { describe } from "./describe.ts";
import { describeUndo } from "./describe_host.ts";
import type { Facts } from "../../plan/facts.ts";
import { PHASES, type StepKind } from "../../plan/step.ts";

const spec = (changes: Partial<Spec> = {}): Spec => ({
  ...defaultSpec({ rootfs: "/srv/fs", args: ["sh"], env: ["PATH=/bin"] }),
  ...changes,
});

const SECCOMP = { profile: "default", filter: "", flags: 0 };

const confined = (noNewPrivileges: boolean): Spec => {
  const one = spec();
  const capabilities = capabilitySets(DEFAULT_CAPABILITIES, 0);
  return { ...one, process: { ...one.process, capabilities, noNewPrivileges } };
};

Deno.test("every step has a description, a reason and a man page", () => {
  const one = confined(true);
  one.process.terminal = true;
  one.process.consoleSize = { height: 24, width: 80 };
  one.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 1, hard: 2 }];
  one.process.scheduling = { nice: 1, cpus: [0] };
  one.process.oomScoreAdj = 1;
  one.process.user.umask = 0o22;
  one.process.preserve = 2;
  one.process.apparmorProfile = "x";
  one.process.selinuxLabel = "x";
  one.linux.sysctl = { "net.ipv4.ip_forward": "1" };
  one.mounts?.push(
    {
      destination: "/a",
      type: "bind",
      source: "/a",
      options: ["ro", "rslave"],
    },
    { destination: "/b", type: "directory" },
    { destination: "/c", type: "symlink", source: "b" },
    { destination: "/d", type: "file", source: "text" },
  );
  const user = structuredClone(one);
  user.linux.namespaces.push({ type: "user" });
  user.linux.uidMappings = [{ containerID: 0, hostID: 1, size: 1 }];
  const seen = new Set<StepKind>();
  const overlay = { upper: "/u", work: "/w" };
  for (
    const [of, changes] of [
      [one, {}],
      [one, { changeRoot: "chroot", foreground: true, init: false }],
      [spec(), { foreground: true }],
      [one, { rootKind: "empty", errorsOnTerminal: false }],
      [one, { rootKind: "host", overlay }],
      [one, { overlay: { upper: null, work: null } }],
      [one, { seccomp: { ...SECCOMP, learns: true } }],
      [user, { bindDevices: true, denySetgroups: true, mapHelper: true }],
      [spec({ linux: { namespaces: [{ type: "uts", path: "/x" }] } }), {}],
    ] satisfies [Spec, Partial<Facts>][]
  ) {
    const plan = compile(
      of,
      makeFacts({
        seccomp: SECCOMP,
        hostSteps: HOST_STEPS,
        cgroupEntry: {
          join: ["/cg/x/tasks"],
          back: ["/cg/tasks"],
          directory: null,
        },
        ...changes,
      }),
    );
    for (const step of PHASES.flatMap((phase) => plan[phase])) {
      seen.add(step.step);
      assertNotMatch(describe(step), /undefined|(?<!\/dev\/)null|\.$|^[A-Z]/);
      assert(step.why.length > 10, step.step);
      assert(/\(\d\)|kernel's/.test(step.man), `${step.step}: ${step.man}`);
    }
    for (const step of plan.host) {
      assertNotMatch(describeUndo(step), /undefined|null|\.$|^[A-Z]|^$/);
    }
  }
  assertEquals([...seen].length, 88);
});

Deno.test("describe() writes a limit in the form of --ulimit", () => {
  const step = {
    step: "setRlimit",
    type: "RLIMIT_NOFILE",
    soft: 5,
    hard: -1,
    why: "",
    man: "",
  } as const;
  assertEquals(describe(step), "set RLIMIT_NOFILE to 5:unlimited");
});

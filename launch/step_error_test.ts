/** Tests the message of a failed step: one line, with the fix. */
// @ts-types="../types/std_assert.d.ts"
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { makeFacts } from "../plan/_facts_fixture.ts";
import {
  capabilitySets,
  DEFAULT_CAPABILITIES,
} from "../plan/process/capabilities.ts";
import { compile } from "../plan/compile.ts";
import { PHASES, type StepKind } from "../plan/step.ts";
import { defaultSpec } from "../spec/defaults.ts";
import { lower } from "./lower/lower.ts";
import { stepError } from "./outcome.ts";
import { compileSteps } from "./program.ts";
import { StepError } from "./step_error.ts";

const spec = defaultSpec({ rootfs: "/fs", args: ["sh"], env: ["PATH=/bin"] });
spec.process.capabilities = capabilitySets(DEFAULT_CAPABILITIES, 0);
spec.process.noNewPrivileges = true;
const plan = compile(
  spec,
  makeFacts({
    foreground: true,
    seccomp: { profile: "default", filter: "BgAAAAAA/38=", flags: 0 },
    cgroupEntry: { join: ["/x/cgroup.procs"], back: [], directory: null },
  }),
);
const steps = PHASES.flatMap((phase) => plan[phase]);
const step = (kind: StepKind) => steps.find((entry) => entry.step === kind)!;

Deno.test("StepError names the step, the call and the error", () => {
  const error = new StepError(step("setHostname"), "sethostname", "EINVAL");
  assertEquals(
    error.message,
    "Cannot set the hostname to container: sethostname: invalid argument (EINVAL)",
  );
  assertEquals(error.hint, "A hostname can have at most 64 bytes.");
  assertEquals(error.status, 125);
});

Deno.test("StepError names container doctor if a user namespace is refused", () => {
  const plain = step("clone");
  const namespaces = ["user", "pid"] as const;
  const error = new StepError(
    { ...plain, step: "clone", namespaces },
    "clone3",
    "EPERM",
  );
  assertMatch(error.hint!, /user namespaces.*sudo.*container doctor/);
});

Deno.test("StepError names the directory that a mount needs", () => {
  const mounts = steps.filter((entry) =>
    entry.step === "mount" && entry.target === "/proc"
  );
  const hint = (code: "ENOENT" | "ENOTDIR") =>
    new StepError(mounts[0]!, "mount", code).hint!;
  assertMatch(hint("ENOENT"), /no \/proc, .* Create it, .*--ephemeral/);
  assertMatch(hint("ENOTDIR"), /\/proc in the root filesystem is a link/);
});

Deno.test("StepError asks for root if root can do the step", () => {
  const error = new StepError(step("clone"), "clone3", "EPERM");
  assertEquals(error.hint, "Run as root (sudo), or see container doctor.");
});

for (
  const [kind, call, since] of [
    ["clone", "clone3", "5.3"],
    ["closeDescriptors", "close_range", "5.9"],
    ["mount", "mount_setattr", "5.12"],
    ["mount", "openat2", "5.6"],
  ] as const
) {
  Deno.test(`StepError on a kernel without ${call} names it and Linux ${since}`, () => {
    const { hint } = new StepError(step(kind), call, "ENOSYS");
    assertEquals(
      hint,
      `This kernel does not support ${call}, which requires Linux ${since}. container needs Linux 5.12 or newer. See container doctor.`,
    );
  });
}

Deno.test("StepError on a kernel without an older call names the floor", () => {
  const { hint } = new StepError(step("unshare"), "unshare", "ENOSYS");
  assertMatch(hint!, /does not support unshare.*container needs Linux 5\.12/);
});

Deno.test("StepError names the missing capability", () => {
  const { hint } = new StepError(step("raiseLoopback"), "ioctl", "EPERM");
  assertEquals(
    hint,
    "This requires CAP_NET_ADMIN. Run as root (sudo), or see container doctor.",
  );
});

Deno.test("StepError names container doctor if the kernel lacks a feature", () => {
  const overlay = {
    step: "mountOverlay",
    root: "/fs",
    target: "/fs",
    upper: null,
    work: null,
    above: 0,
    userNamespace: false,
    why: "",
    man: "",
  } as const;
  for (
    const [failing, call, code] of [
      [overlay, "mount", "ENODEV"],
      [step("setSeccomp"), "seccomp", "EINVAL"],
      [step("setSeccomp"), "seccomp", "ENOSYS"],
      [step("clone"), "clone3", "EINVAL"],
      [step("unshare"), "unshare", "EINVAL"],
    ] as const
  ) assertMatch(new StepError(failing, call, code).hint!, /container doctor/);
});

Deno.test("StepError gives the step's reason if no fix is known", () => {
  const failing = step("pivotRoot");
  const { hint } = new StepError(failing, "pivot_root", "EBUSY");
  assertEquals(hint, `The step is necessary: ${failing.why}.`);
});

Deno.test("stepError() finds the step of each instruction", () => {
  const program = compileSteps(steps);
  const owners = steps.flatMap((entry) => lower(entry).map(() => entry));
  assertEquals(
    program.counts.reduce((sum, count) => sum + count, 0),
    owners.length,
  );
  for (const [index, owner] of owners.entries()) {
    const error = stepError(steps, program, { index, errno: 5 });
    assertEquals(error.step, owner);
    assertEquals(error.code, "EIO");
    const { name } = lower(owner)[index - owners.indexOf(owner)]!;
    assertEquals(error.call, name);
  }
  assertThrows(
    () => stepError(steps, program, { index: 999, errno: 5 }),
    RangeError,
  );
});

Deno.test("lower() gives every step at least one call and only valid arguments", () => {
  // Host steps that the parent does itself are not lowered to calls.
  for (const entry of steps.slice(plan.host.length)) {
    const calls = lower(entry);
    assertEquals(calls.length > 0, true, entry.step);
    for (const call of calls) {
      if (call.name === "fail") continue;
      for (const arg of call.args) {
        assertEquals(arg === undefined || Number.isNaN(arg), false, entry.step);
      }
      assertEquals(call.args.length <= 6, true);
    }
  }
});

Deno.test("lower() tries the candidates of execute and ends with a failure", () => {
  const calls = lower({
    step: "execute",
    candidates: ["/a/x", "/b/x"],
    argv: ["x"],
    env: [],
    why: "",
    man: "",
  });
  assertEquals(calls.map(({ name }) => name), ["execve", "execve", "fail"]);
});

Deno.test("lower() counts the bytes of a hostname, not its characters", () => {
  const [call] = lower({
    step: "setHostname",
    hostname: "é",
    why: "",
    man: "",
  });
  assertEquals(call?.name === "sethostname" && call.args[1], 2);
});

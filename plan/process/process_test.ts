/** startProcess(): the last steps before the command's execve, and candidates(). */
// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { defaultSpec } from "../../spec/defaults.ts";
import type { Spec } from "../../spec/types.ts";
import { makeFacts } from "../_facts_fixture.ts";
import { capabilitySets, DEFAULT_CAPABILITIES } from "./capabilities.ts";
import type { Facts } from "../facts.ts";
import { candidates } from "./candidates.ts";
import { startProcess } from "./process.ts";

const spec = (): Spec =>
  defaultSpec({ rootfs: "/srv/fs", args: ["sh"], env: ["PATH=/bin"] });

const SECCOMP = { profile: "default", filter: "", flags: 0 };

const confined = (noNewPrivileges: boolean): Spec => {
  const one = spec();
  const capabilities = capabilitySets(DEFAULT_CAPABILITIES, 0);
  return { ...one, process: { ...one.process, capabilities, noNewPrivileges } };
};

const kinds = (facts: Partial<Facts> = {}, of = spec()) =>
  startProcess(of, makeFacts(facts)).map(({ step }) => step);

Deno.test("startProcess() closes descriptors before it changes directory (CVE-2024-21626)", () => {
  assertEquals(kinds(), [
    "setProcessGroup",
    "defaultSignals",
    "setSignalMask",
    "setIds",
    "closeDescriptors",
    "changeDirectory",
    "checkDirectory",
    "execute",
  ]);
});

Deno.test("startProcess() limits the bounding set as root, sets capabilities as the user, installs seccomp last", () => {
  assertEquals(kinds({ seccomp: SECCOMP }, confined(true)), [
    "setProcessGroup",
    "defaultSignals",
    "setSignalMask",
    "limitCapabilities",
    "keepCapabilities",
    "setIds",
    "setCapabilities",
    "closeDescriptors",
    "changeDirectory",
    "checkDirectory",
    "setNoNewPrivileges",
    "setSeccomp",
    "execute",
  ]);
});

Deno.test("startProcess() enters its directory as root, and again as the user after closing descriptors", () => {
  const of = spec();
  of.process.cwd = "/somewhere";
  assertEquals(kinds({}, of).slice(3, 7), [
    "changeDirectory",
    "setIds",
    "closeDescriptors",
    "changeDirectory",
  ]);
});

Deno.test("startProcess() without no_new_privs keeps CAP_SYS_ADMIN to install seccomp last", () => {
  const of = confined(false);
  of.process.user = { uid: 5, gid: 5 };
  const facts = { seccomp: SECCOMP };
  assertEquals(kinds(facts, of).slice(-2), ["setSeccomp", "execute"]);
  assert(!kinds(facts, of).includes("setNoNewPrivileges"));
  const set = (spec: Spec, facts: Partial<Facts>) => {
    const steps = startProcess(spec, makeFacts(facts));
    const step = steps.find(({ step }) => step === "setCapabilities");
    return step?.step === "setCapabilities"
      ? [step.effective, step.permitted, step.inheritable, step.ambient]
      : null;
  };
  const more = [...DEFAULT_CAPABILITIES, "CAP_SYS_ADMIN"];
  assertEquals(set(of, facts)?.map((names) => new Set(names)), [
    ...[new Set(more), new Set(more)],
    ...[new Set(), new Set()],
  ]);
  assert(!set(of, {})?.flat().includes("CAP_SYS_ADMIN"));
  assert(!set(confined(true), facts)?.flat().includes("CAP_SYS_ADMIN"));
  // A bundle without capabilities loses all of them with the change of user.
  delete of.process.capabilities;
  assertEquals(set(of, {}), null);
  assertEquals(set(of, facts), [["CAP_SYS_ADMIN"], ["CAP_SYS_ADMIN"], [], []]);
  of.process.user = { uid: 0, gid: 0 };
  assertEquals(set(of, facts), null);
});

Deno.test("startProcess() of a held container waits before the filter, or after one that asks an agent", () => {
  for (const noNewPrivileges of [true, false]) {
    const of = confined(noNewPrivileges);
    assertEquals(
      kinds({ seccomp: SECCOMP, waits: true }, of).slice(-5).filter((step) =>
        step !== "setNoNewPrivileges"
      ).slice(-4),
      ["reportReady", "waitForStart", "setSeccomp", "execute"],
    );
    const seccomp = { ...SECCOMP, notifies: { mark: "5" } };
    assertEquals(kinds({ seccomp, waits: true }, of).slice(-5), [
      ...["setSeccomp", "sendListener"],
      ...["reportReady", "waitForStart", "execute"],
    ]);
  }
});

Deno.test("startProcess() with a learning filter sends the listener directly after it, by a kept socket", () => {
  const seccomp = { ...SECCOMP, learns: true } as const;
  const of = confined(true);
  of.process.preserve = 2;
  const steps = startProcess(of, makeFacts({ seccomp }));
  assertEquals(steps.slice(-3).map(({ step }) => step), [
    "setSeccomp",
    "sendListener",
    "execute",
  ]);
  assertEquals(
    steps.flatMap((step): (number | null)[][] => {
      if (step.step === "keepSocket") return [[step.from, step.to]];
      if (step.step === "closeDescriptors") return [[step.from]];
      if (step.step === "sendListener") return [[step.socket, step.listener]];
      return [];
    }),
    [[null, 45], [45, 5], [6], [5, 6]],
  );
  assertEquals(steps.find(({ step }) => step === "setSeccomp"), {
    step: "setSeccomp",
    ...SECCOMP,
    why:
      "the filter refuses nothing and reports every system call, to create a profile of the calls that the command needs",
    man: "seccomp(2)",
  });
  const open = kinds({ seccomp }, confined(false));
  assertEquals(open.slice(-3), ["setSeccomp", "sendListener", "execute"]);
});

Deno.test("startProcess() without our program as PID 1 sets the death signal again after the change of user", () => {
  const steps = kinds({ init: false }, confined(true));
  const at = steps.indexOf("setCapabilities");
  assertEquals(steps.slice(at, at + 4), [
    "setCapabilities",
    "setParentDeathSignal",
    "checkParent",
    "closeDescriptors",
  ]);
});

Deno.test("candidates() follows the order of PATH", () => {
  assertEquals(candidates("ls", ["PATH=/a:/b/c"]), ["/a/ls", "/b/c/ls"]);
});

Deno.test("candidates() returns a path unchanged", () => {
  assertEquals(candidates("./ls", ["PATH=/a"]), ["./ls"]);
  assertEquals(candidates("/bin/ls", []), ["/bin/ls"]);
});

Deno.test("candidates() has a default PATH and takes an empty entry as the working directory", () => {
  assertEquals(candidates("ls", []), ["/bin/ls", "/usr/bin/ls"]);
  assertEquals(candidates("ls", ["PATH=/a::"]), ["/a/ls", "./ls", "./ls"]);
});

Deno.test("candidates() uses the last of two PATHs", () => {
  assertEquals(candidates("ls", ["PATH=/a", "PATH=/b"]), ["/b/ls"]);
});

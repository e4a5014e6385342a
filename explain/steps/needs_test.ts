/** The needs of a step in the context of its plan. */

// @ts-types="../../types/std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { defaultSpec } from "../../spec/defaults.ts";
import type { NamespaceType } from "../../spec/types.ts";
import { makeFacts } from "../../plan/_facts_fixture.ts";
import { compile } from "../../plan/compile.ts";
import { needsOf, placeSteps } from "./needs.ts";
import { youngest } from "./since.ts";
import type { Step, StepKind } from "../../plan/step.ts";

function placed(kind: StepKind, more: NamespaceType[] = []) {
  const spec = defaultSpec({ rootfs: "/fs", args: ["sh"], env: [] });
  spec.linux.namespaces.push(...more.map((type) => ({ type })));
  return placeSteps(compile(spec, makeFacts()))
    .find(({ step }) => step.step === kind)!;
}

const capabilities = (kind: StepKind, more: NamespaceType[] = []) => {
  const { step, userNamespace } = placed(kind, more);
  return needsOf(step, { userNamespace, calls: [] }).capabilities
    .map(({ name, userNamespace }) => `${name} ${userNamespace}`);
};

Deno.test("needsOf() needs rights on the host without a user namespace", () => {
  assertEquals(capabilities("clone"), ["CAP_SYS_ADMIN host"]);
  assertEquals(capabilities("pivotRoot"), ["CAP_SYS_ADMIN host"]);
  assertEquals(capabilities("raiseLoopback"), ["CAP_NET_ADMIN host"]);
});

Deno.test("needsOf() needs no rights on the host after a user namespace is made", () => {
  assertEquals(capabilities("clone", ["user"]), []);
  assertEquals(capabilities("pivotRoot", ["user"]), [
    "CAP_SYS_ADMIN container",
  ]);
});

Deno.test("needsOf() needs CAP_MKNOD in the initial user namespace", () => {
  assertEquals(capabilities("makeDevice", ["user"]), ["CAP_MKNOD initial"]);
});

Deno.test("needsOf() names the newest kernel feature that a step uses", () => {
  const step: Step = {
    step: "unshare",
    namespaces: ["uts", "cgroup"],
    why: "",
    man: "",
  };
  const needs = (calls: string[]) =>
    needsOf(step, { userNamespace: "host", calls }).kernel;
  assertEquals(needs(["unshare"]), {
    version: "4.6",
    what: "cgroup namespaces",
  });
  assertEquals(needs(["unshare", "mount_setattr"])?.version, "5.12");
});

Deno.test("youngest() compares versions as numbers", () => {
  const of = (...versions: string[]) =>
    youngest(versions.map((version) => ({ version, what: "" })))?.version;
  assertEquals(of("5.9", "5.12", "5.2"), "5.12");
  assertEquals(of("2.6.9", "2.6.16", "2.6"), "2.6.16");
  assertEquals(of(), undefined);
});

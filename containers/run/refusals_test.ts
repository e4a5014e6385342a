/**
 * If the machine causes an error of run, the error names the setting and how to
 * fix it.
 */

// @ts-types="../../types/std_assert.d.ts"
import { assert, assertEquals, assertMatch } from "@std/assert";
import { StepError } from "../../launch/step_error.ts";
import type { Step } from "../../plan/step.ts";
import { ContainerError } from "../../spec/errors.ts";
import type { UserNamespaceFacts } from "../../doctor/facts.ts";
import { withCause } from "./refusals.ts";

const allowed: UserNamespaceFacts = {
  present: true,
  unprivilegedClone: null,
  apparmorRestricts: null,
  maximum: 1000,
};

const clone: Step = {
  step: "clone",
  namespaces: ["user", "pid"],
  why: "",
  man: "",
};
const mount: Step = {
  step: "mount",
  source: null,
  target: "/",
  type: null,
  flags: [],
  data: null,
  why: "",
  man: "",
};

const hint = (
  error: ContainerError,
  facts: Partial<UserNamespaceFacts>,
  privileged = false,
) =>
  (withCause(
    error,
    () => ({ ...allowed, ...facts }),
    () => privileged,
  ) as ContainerError).hint ?? "";

Deno.test("withCause() names the setting that forbids user namespaces and how to change it", () => {
  const error = new StepError(clone, "clone3", "EPERM");
  assertMatch(
    hint(error, { unprivilegedClone: 0 }),
    /kernel\.unprivileged_userns_clone=0.*sudo sysctl -w .*container doctor\. As root \(sudo\)/,
  );
  assertMatch(
    hint(new StepError(clone, "clone3", "ENOSPC"), { maximum: 0 }, true),
    /max_user_namespaces=0.*container doctor\.$/,
  );
});

Deno.test("withCause() names AppArmor if a mount fails in the user namespace", () => {
  const error = new StepError(mount, "mount", "EPERM");
  const facts = { apparmorRestricts: 1 };
  assertMatch(hint(error, facts), /apparmor_restrict_unprivileged_userns/);
  // Root on the host needs no user namespace, so the cause is something else.
  assertEquals(hint(error, facts, true), error.hint);
});

Deno.test("withCause() names container doctor if a controller is missing", () => {
  const error = new ContainerError(
    "Cannot limit memory: this machine has no memory controller (v2)",
    { hint: "remove the limit", status: 125 },
  );
  assertEquals(
    hint(error, {}),
    "remove the limit. See container doctor, Resource limits.",
  );
});

Deno.test("withCause() returns other errors unchanged", () => {
  for (const error of [new Error("x"), new ContainerError("x"), "x"]) {
    assert(withCause(error, () => allowed) === error);
  }
  const error = new StepError(clone, "clone3", "EPERM");
  assert(withCause(error, () => allowed, () => false) === error);
});

/** Makes the diagnosis of a machine from its facts. Pure. */

import { cgroupChecks } from "./cgroup_checks.ts";
import { type Check, GROUPS, listed } from "./check.ts";
import { type Facts, isPrivileged, userName } from "./facts.ts";
import { filesystemChecks } from "./filesystem_checks.ts";
import { kernelChecks } from "./kernel_checks.ts";
import { forwardingChecks } from "./forwarding_checks.ts";
import { namespaceChecks } from "./namespace_checks.ts";
import { programChecks, protectionChecks } from "./protection_checks.ts";
import { rootlessChecks } from "./rootless_checks.ts";
import { userChecks } from "./user_checks.ts";

/** Whether `run` works for users other than root. */
export const ROOTLESS_RUN = true;

/** The result of `container doctor`. */
export interface Diagnosis {
  /** Whether `run` can work. */
  ok: boolean;
  /** The summary in one sentence. */
  verdict: string;
  checks: Check[];
}

/** Diagnoses a machine. */
export function diagnose(
  facts: Facts,
  { rootless = ROOTLESS_RUN }: { rootless?: boolean } = {},
): Diagnosis {
  const found = [
    ...kernelChecks(facts),
    ...userChecks(facts, rootless),
    ...namespaceChecks(facts),
    ...rootlessChecks(facts),
    ...cgroupChecks(facts),
    ...filesystemChecks(facts, rootless),
    ...forwardingChecks(facts),
    ...protectionChecks(facts),
    ...programChecks(facts),
  ];
  const checks = GROUPS.flatMap((group) =>
    found.filter((result) => result.group === group)
  ).map((result) => needs(facts, rootless, result))
    .map((result) => facts.uid === 0 ? withoutSudo(result) : result);
  const stops = checks.filter(({ stopsRun }) => stopsRun);
  return {
    ok: stops.length === 0,
    verdict: stops.length
      ? refusal(facts, stops)
      : promise(facts, new Map(checks.map((result) => [result.id, result]))),
    checks,
  };
}

/**
 * Without root, `run` needs user namespaces, so a failed check of them stops
 * it.
 */
function needs(facts: Facts, rootless: boolean, result: Check): Check {
  if (!rootless || isPrivileged(facts) || result.status === "ok") return result;
  return ["user-namespaces", "namespace-user", "namespaces-tried"]
      .includes(result.id) && result.status !== "information"
    ? { ...result, stopsRun: true }
    : result;
}

/** Root needs no sudo, and a small system may not have it. */
function withoutSudo(result: Check): Check {
  if (result.cure === undefined) return result;
  return { ...result, cure: result.cure.replaceAll(/\bsudo /g, "") };
}

function caller(facts: Facts): string {
  if (facts.uid !== 0) return `as ${userName(facts)}`;
  return facts.nestedUser ? "as root of a user namespace" : "as root";
}

function refusal(facts: Facts, stops: readonly Check[]): string {
  if (stops.length === 1 && stops[0]!.id === "privilege" && facts.uid !== 0) {
    return `container run does not work here ${
      caller(facts)
    }, only as root: sudo container run /bin/sh.`;
  }
  return `container run does not work here ${caller(facts)}; see ${
    listed(stops.map(({ title }) => title))
  } above.`;
}

/** The features that the verdict lists, and the checks that each depends on. */
const FEATURES: readonly (readonly [what: string, ids: readonly string[]])[] = [
  [
    "resource limits",
    ["cgroup-version", "cgroup-controllers", "cgroup-access"],
  ],
  ["networks", ["namespace-net"]],
  ["user namespaces", ["namespace-user"]],
  ["overlay", ["overlay"]],
  ["seccomp", ["seccomp"]],
  ["every capability", ["capabilities"]],
];

function promise(facts: Facts, checks: ReadonlyMap<string, Check>): string {
  const fine = (ids: readonly string[]) =>
    ids.every((id) => checks.get(id)?.status === "ok");
  // Only root is expected to have all capabilities.
  const asked = FEATURES.filter(([, [id]]) =>
    isPrivileged(facts) || id !== "capabilities"
  );
  const has = asked.filter(([, ids]) => fine(ids)).map(([what]) => what);
  const lacks = asked.filter(([, ids]) => !fine(ids)).map(([what, [id]]) =>
    id === "capabilities" ? lackingCapabilities(checks) : what
  );
  const run = fine(["pivot-root"]) ? "container run" : "container run --chroot";
  return [
    `${run} works here ${caller(facts)}`,
    has.length ? `, with ${listed(has)}` : "",
    lacks.length ? `; not with ${listed(lacks)}` : "",
    ".",
  ].join("");
}

function lackingCapabilities(checks: ReadonlyMap<string, Check>): string {
  const found = checks.get("capabilities")!.found;
  const without = "without ";
  // Otherwise root has all of them, but only in a user namespace.
  return found.startsWith(without)
    ? found.slice(without.length)
    : "device nodes";
}

/**
 * Namespaces: what makes the container see a system of its own.
 *
 * Which process may make which namespace is a rule of the kernel, not of ours.
 * A PID namespace takes effect for children only, so it is made by a clone, and
 * with it the mount namespace, whose proc must belong to it. A user namespace
 * needs a process with one thread, and it owns what is made with or after it,
 * so it is made by the same clone. UTS and IPC bind a single thread, which can
 * enter them at any time: where our own program is PID 1, it does.
 */

import type { NamespaceType, Spec } from "../spec/types.ts";
import { birthplace, visitsCgroup } from "./cgroup.ts";
import type { Facts } from "./facts.ts";
import type { Step } from "./step.ts";

const ENTERED: readonly NamespaceType[] = ["uts", "ipc"];

const WHAT: Record<NamespaceType, string> = {
  user:
    "users of its own: root inside has power over what is inside, and no other",
  pid:
    "a process tree of its own: it is PID 1 there and cannot see or signal a process of the host",
  mount: "a mount tree of its own, whose mounts end with it",
  network: "network interfaces of its own, with nothing but loopback at first",
  uts: "a hostname of its own",
  ipc: "message queues and shared memory of its own",
  cgroup: "a view of the cgroup tree that starts at its own",
  time: "clocks of its own",
};

/** Whether a Spec asks for a namespace of a type, new or joined. */
export function hasNamespace(spec: Spec, type: NamespaceType): boolean {
  return spec.linux.namespaces.some((entry) => entry.type === type);
}

/** The namespaces that are made for it. */
export const fresh = (spec: Spec): NamespaceType[] =>
  spec.linux.namespaces.flatMap((entry) =>
    entry.path === undefined ? [entry.type] : []
  );

/** Namespaces that exist already. */
export function joinedNamespaces(spec: Spec): Step[] {
  const namespaces = spec.linux.namespaces.flatMap(({ type, path }) =>
    path === undefined ? [] : [{ type, path }]
  );
  if (!namespaces.length) return [];
  return [{
    step: "joinNamespaces",
    namespaces,
    why:
      "these exist already and are shared with whoever lives in them; all are opened before the first is entered, since their paths may not exist inside",
    man: "setns(2)",
  }];
}

/** The clone that makes PID 1 of the container. */
export function bornNamespaces(spec: Spec, facts: Facts): Step[] {
  const { init } = facts;
  const cgroup = birthplace(spec, facts);
  // The cgroup namespace starts at the cgroup one is in: that is joined first.
  const namespaces = fresh(spec).filter((type) =>
    type !== "cgroup" && !(init && ENTERED.includes(type)) &&
    !(type === "time" && spec.linux.timeOffsets)
  );
  return [{
    step: "clone",
    namespaces,
    ...(cgroup === null ? {} : { cgroup }),
    why: [
      namespaces.map((type) => WHAT[type]).join("; ") ||
      "a PID namespace that was joined takes effect for children only",
      ...(cgroup === null ? [] : ["what it uses is counted from its birth"]),
    ].join("; "),
    man: "clone(2), namespaces(7)",
  }];
}

/**
 * A time namespace whose clocks are off. Who is born into one finds its offsets
 * fixed; so it is made after the clone, by the new process and with the rights
 * that its user namespace gives, and before any other program runs in it.
 */
export function offsetClocks(spec: Spec): Step[] {
  const { timeOffsets } = spec.linux;
  if (!timeOffsets || !fresh(spec).includes("time")) return [];
  return [{
    step: "enterTimeNamespace",
    ...timeOffsets,
    why:
      "its clocks since the boot are off by so much: what shows the uptime, and timers, go by them; the date is no namespace's",
    man: "time_namespaces(7)",
  }];
}

/** What is entered once inside. */
export function enteredNamespaces(spec: Spec, facts: Facts): Step[] {
  const { init } = facts;
  const namespaces = fresh(spec).filter((type) =>
    type === "cgroup"
      ? !visitsCgroup(spec, facts)
      : init && ENTERED.includes(type)
  );
  if (!namespaces.length) return [];
  return [{
    step: "unshare",
    namespaces,
    why: namespaces.map((type) => WHAT[type]).join("; "),
    man: "unshare(2), namespaces(7)",
  }];
}

/** What makes a new namespace fit to live in. */
export function setUpNamespaces(spec: Spec): Step[] {
  const steps: Step[] = [];
  if (spec.hostname !== undefined) {
    steps.push({
      step: "setHostname",
      hostname: spec.hostname,
      why: "the name that hostname and the shell's prompt show",
      man: "sethostname(2)",
    });
  }
  if (spec.domainname !== undefined) {
    steps.push({
      step: "setDomainname",
      domainname: spec.domainname,
      why: "the domain that domainname(1) shows, NIS's and not DNS's",
      man: "setdomainname(2)",
    });
  }
  if (fresh(spec).includes("network")) {
    steps.push({
      step: "raiseLoopback",
      why: "a new network namespace has its loopback interface down",
      man: "netdevice(7)",
    });
  }
  return steps;
}

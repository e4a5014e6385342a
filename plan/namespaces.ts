/**
 * Namespaces: they give the container a view of a system of its own.
 *
 * The kernel decides which process can make which namespace. A PID namespace
 * takes effect for children only, so clone makes it. The same clone makes the
 * mount namespace, whose /proc must belong to that PID namespace. It also makes
 * the user namespace, because unshare of one needs a process with a single
 * thread, and because a user namespace owns the namespaces that are made with
 * it or after it. UTS and IPC namespaces apply to a single thread, which can
 * enter them at any time: where our program is PID 1, it enters them later.
 */

import type { NamespaceType, Spec } from "../spec/types.ts";
import { birthplace, CGROUP_VIEW, visitsCgroup } from "./cgroup.ts";
import type { Facts } from "./facts.ts";
import type { Step } from "./step.ts";

/** Our program enters these once it is PID 1. */
const ENTERED_LATER: readonly NamespaceType[] = ["uts", "ipc"];

const WHY: Record<NamespaceType, string> = {
  user:
    "its own user IDs: root inside has privileges only over resources inside",
  pid:
    "its own process tree: it is PID 1 there and cannot see or signal the host's processes",
  mount: "its own mount tree, whose mounts end with the container",
  network: "its own network interfaces, at first only loopback",
  uts: "its own hostname",
  ipc: "its own message queues and shared memory",
  cgroup: CGROUP_VIEW,
  time: "its own clocks",
};

/** Whether the container has a namespace of this type, new or joined. */
export function hasNamespace(spec: Spec, type: NamespaceType): boolean {
  return spec.linux.namespaces.some((entry) => entry.type === type);
}

/** The namespaces that are made for the container. */
export const newNamespaces = (spec: Spec): NamespaceType[] =>
  spec.linux.namespaces.flatMap((entry) =>
    entry.path === undefined ? [entry.type] : []
  );

/** Joins the namespaces that exist already. */
export function joinNamespaces(spec: Spec): Step[] {
  const namespaces = spec.linux.namespaces.flatMap(({ type, path }) =>
    path === undefined ? [] : [{ type, path }]
  );
  if (!namespaces.length) return [];
  return [{
    step: "joinNamespaces",
    namespaces,
    why:
      "these already exist and are shared with the processes in them; all are opened before the first is entered, because their paths may not exist inside",
    man: "setns(2)",
  }];
}

/** Creates PID 1, in as many new namespaces as clone can make at this point. */
export function cloneNamespaces(spec: Spec, facts: Facts): Step[] {
  const { init } = facts;
  const cgroup = birthplace(spec, facts);
  // A cgroup namespace begins at the cgroup of its maker, which is joined
  // first.
  const namespaces = newNamespaces(spec).filter((type) =>
    type !== "cgroup" && !(init && ENTERED_LATER.includes(type)) &&
    !(type === "time" && spec.linux.timeOffsets)
  );
  return [{
    step: "clone",
    namespaces,
    ...(cgroup === null ? {} : { cgroup }),
    why: [
      namespaces.map((type) => WHY[type]).join("; ") ||
      "a joined PID namespace applies only to child processes",
      ...(cgroup === null ? [] : [
        "it is created in its cgroup, so its resource usage is counted from the start",
      ]),
    ].join("; "),
    man: "clone(2), namespaces(7)",
  }];
}

/**
 * Makes a time namespace with shifted clocks. A process created in a time
 * namespace cannot change its offsets. So the new process makes it after the
 * clone, with the rights that its user namespace gives, and before any other
 * program runs.
 */
export function offsetClocks(spec: Spec): Step[] {
  const { timeOffsets } = spec.linux;
  if (!timeOffsets || !newNamespaces(spec).includes("time")) return [];
  return [{
    step: "enterTimeNamespace",
    ...timeOffsets,
    why:
      "shifts the clocks that count from boot, which the uptime and timers use; no namespace changes the date",
    man: "time_namespaces(7)",
  }];
}

/** Makes the namespaces that PID 1 can enter by itself. */
export function unshareNamespaces(spec: Spec, facts: Facts): Step[] {
  const { init } = facts;
  const namespaces = newNamespaces(spec).filter((type) =>
    type === "cgroup"
      ? !visitsCgroup(spec, facts)
      : init && ENTERED_LATER.includes(type)
  );
  if (!namespaces.length) return [];
  return [{
    step: "unshare",
    namespaces,
    why: namespaces.map((type) => WHY[type]).join("; "),
    man: "unshare(2), namespaces(7)",
  }];
}

/** Gives the new namespaces their names and a working loopback interface. */
export function setUpNamespaces(spec: Spec): Step[] {
  const steps: Step[] = [];
  if (spec.hostname !== undefined) {
    steps.push({
      step: "setHostname",
      hostname: spec.hostname,
      why: "the name that hostname(1) and the shell prompt show",
      man: "sethostname(2)",
    });
  }
  if (spec.domainname !== undefined) {
    steps.push({
      step: "setDomainname",
      domainname: spec.domainname,
      why: "the NIS domain that domainname(1) shows; DNS does not use it",
      man: "setdomainname(2)",
    });
  }
  if (newNamespaces(spec).includes("network")) {
    steps.push({
      step: "raiseLoopback",
      why: "the loopback interface of a new network namespace is down at first",
      man: "netdevice(7)",
    });
  }
  return steps;
}

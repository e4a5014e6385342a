/**
 * Namespaces: what makes the container see a system of its own.
 *
 * Which process may make which namespace is a rule of the kernel, not of ours.
 * A PID namespace takes effect for children only, so it is made by a clone, and
 * with it the mount namespace, whose proc must belong to it. UTS and IPC bind a
 * single thread, which can enter them at any time: the child does.
 */

import type { NamespaceType, Spec } from "../spec/types.ts";
import type { Step } from "./step.ts";

const BORN: readonly NamespaceType[] = ["pid", "mount"];
const ENTERED: readonly NamespaceType[] = ["uts", "ipc"];

const wanted = (spec: Spec, types: readonly NamespaceType[]) =>
  types.filter((type) =>
    spec.linux.namespaces.some((n) => n.type === type && n.path === undefined)
  );

/** The clone that makes PID 1 of the container. */
export function bornNamespaces(spec: Spec): Step[] {
  return [{
    step: "clone",
    namespaces: wanted(spec, BORN),
    why:
      "a process tree and a mount tree of its own: it is PID 1 there, cannot see or signal a process of the host, and its mounts end with it",
    man: "clone(2), pid_namespaces(7), mount_namespaces(7)",
  }];
}

/** What the child enters by itself. */
export function enteredNamespaces(spec: Spec): Step[] {
  const namespaces = wanted(spec, ENTERED);
  if (!namespaces.length) return [];
  return [{
    step: "unshare",
    namespaces,
    why:
      "a hostname, message queues and shared memory of its own, so that changing them changes nothing on the host",
    man: "unshare(2), uts_namespaces(7), ipc_namespaces(7)",
  }];
}

/**
 * The ways into a container's cgroup.
 *
 * Limits are the command's. Where our own program is PID 1 it stays in the
 * cgroup of whoever started it, as its parent does: a JavaScript runtime has
 * threads and tens of megabytes of its own, and the kernel would end it first
 * when the command runs out of memory, and the container with it. It only looks
 * in on the way, since a new cgroup namespace has as its root the cgroup that
 * its maker is in.
 *
 * Every file is opened on the host, before a namespace is entered: afterwards
 * there is no path to it, and v2 holds a descriptor to the cgroup namespace in
 * which it was opened (nsdelegate in cgroups(7)).
 */

import type { Spec } from "../spec/types.ts";
import type { Facts } from "./facts.ts";
import type { Step } from "./step.ts";

/** From this number on are the ways into the cgroup, then those out of it. */
export const CGROUPS_FROM = 9;

const wantsNamespace = (spec: Spec) =>
  spec.linux.namespaces.some(({ type, path }) =>
    type === "cgroup" && path === undefined
  );

/** Whether our program is PID 1 and goes in for its namespace, and out again. */
export function visitsCgroup(
  spec: Spec,
  { init, cgroupEntry }: Facts,
): boolean {
  return init && cgroupEntry !== null && wantsNamespace(spec);
}

/** Whether PID 1 is in the cgroup, for good or for a moment. */
const enters = (spec: Spec, facts: Facts) =>
  facts.cgroupEntry !== null && (!facts.init || wantsNamespace(spec));

/**
 * The cgroup that PID 1 is born in: without it, it has to join. Where it is in
 * another's cgroup namespace by then, the kernel lets nobody be born outside of
 * that (nsdelegate), and in another's mount namespace there is no path to it.
 */
export function birthplace(spec: Spec, facts: Facts): string | null {
  const isElsewhere = spec.linux.namespaces.some(({ type, path }) =>
    path !== undefined && (type === "cgroup" || type === "mount")
  );
  if (isElsewhere || !enters(spec, facts)) return null;
  return facts.cgroupEntry?.directory ?? null;
}

/** What a process writes "0" to that is not born in the cgroup. */
export function waysIn({ cgroupEntry }: Facts): string[] {
  if (!cgroupEntry) return [];
  const { join, directory } = cgroupEntry;
  return [
    ...join,
    ...(directory === null ? [] : [`${directory}/cgroup.procs`]),
  ];
}

/** What PID 1 writes "0" to. */
function written(spec: Spec, facts: Facts): string[] {
  if (!enters(spec, facts)) return [];
  return birthplace(spec, facts) === null
    ? waysIn(facts)
    : [...facts.cgroupEntry?.join ?? []];
}

/** What is written to later is opened first. */
export function openCgroups(spec: Spec, facts: Facts): Step[] {
  const { init, cgroupEntry } = facts;
  const files = init && cgroupEntry
    ? [...waysIn(facts), ...cgroupEntry.back]
    : written(spec, facts);
  if (!files.length) return [];
  return [{
    step: "openCgroups",
    files,
    from: CGROUPS_FROM,
    why: init
      ? "the command's way in, and ours back out: from inside there is no path to them"
      : "the way in: a process in other namespaces may not see it",
    man: "cgroups(7)",
  }];
}

/** PID 1 goes in, in each tree where it cannot be born. */
export function enterCgroups(spec: Spec, facts: Facts): Step[] {
  const files = written(spec, facts);
  if (!files.length) return [];
  return [{
    step: "joinCgroups",
    files,
    from: CGROUPS_FROM,
    why:
      "before anything else, so that whatever the container uses is counted, and its cgroup namespace starts here",
    man: "cgroups(7)",
  }];
}

/** Our program as PID 1 makes the cgroup namespace and leaves. */
export function leaveCgroups(spec: Spec, facts: Facts): Step[] {
  const { cgroupEntry } = facts;
  if (!cgroupEntry || !visitsCgroup(spec, facts)) return [];
  return [
    {
      step: "unshare",
      namespaces: ["cgroup"],
      why: "a view of the cgroup tree that starts at its own",
      man: "unshare(2), cgroup_namespaces(7)",
    },
    ...(cgroupEntry.back.length
      ? [
        {
          step: "joinCgroups",
          files: cgroupEntry.back,
          from: CGROUPS_FROM + waysIn(facts).length,
          why:
            "the limits are the command's: this program counts where its parent does, and is not what the kernel kills when the command runs out of memory",
          man: "cgroups(7)",
        } as const,
      ]
      : []),
  ];
}

/** Where our program is PID 1: the command's process goes in by itself. */
export function limitCommand(facts: Facts): Step[] {
  if (!facts.init || !facts.cgroupEntry) return [];
  return [{
    step: "joinCgroups",
    files: waysIn(facts),
    from: CGROUPS_FROM,
    why: "from here on what the command uses is counted and limited",
    man: "cgroups(7)",
  }];
}

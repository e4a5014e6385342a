/**
 * How processes enter a container's cgroup. The steps belong to the launch and
 * process phases.
 *
 * The limits are for the command. Where our program is PID 1, it stays in the
 * cgroup of its parent. Inside, the kernel could kill it when the command runs
 * out of memory, and the container with it; from source it is a JavaScript
 * runtime with threads and tens of megabytes of its own. PID 1 enters the container's cgroup
 * only for a moment, to make the cgroup namespace: the root of a new cgroup
 * namespace is the cgroup of the process that makes it.
 *
 * Every file is opened on the host, before any namespace is entered. Later no
 * path leads to it. On v2 the kernel checks a write against the cgroup
 * namespace in which the file was opened (nsdelegate in cgroups(7)).
 */

import type { Spec } from "../spec/types.ts";
import type { ProcessFacts } from "./facts.ts";
import type { Step } from "./step.ts";

/**
 * The first descriptor of the opened cgroup files: the files that join the
 * container's cgroup come first, then those that lead back.
 */
export const CGROUPS_FROM = 9;

/** Why cgroup files are opened before any namespace is entered. */
export const OPENED_ON_HOST =
  "opened on the host: a process in other namespaces may have no path to these files";

/** Why a cgroup namespace is made. */
export const CGROUP_VIEW =
  "a view of the cgroup tree with the container's own cgroup as its root";

const wantsNamespace = (spec: Spec) =>
  spec.linux.namespaces.some(({ type, path }) =>
    type === "cgroup" && path === undefined
  );

/**
 * Whether our program, as PID 1, enters the cgroup for its namespace and leaves
 * again.
 */
export function visitsCgroup(
  spec: Spec,
  { init, cgroupEntry }: ProcessFacts,
): boolean {
  return init && cgroupEntry !== null && wantsNamespace(spec);
}

/** Whether PID 1 enters the cgroup, for good or for a moment. */
const entersCgroup = (spec: Spec, facts: ProcessFacts) =>
  facts.cgroupEntry !== null && (!facts.init || wantsNamespace(spec));

/**
 * The cgroup that PID 1 is created in; null if PID 1 has to join by writing.
 * After joining another cgroup namespace, the kernel forbids creating a process
 * outside of that namespace's cgroups (nsdelegate). After joining another mount
 * namespace, no path leads to the cgroup.
 */
export function birthplace(spec: Spec, facts: ProcessFacts): string | null {
  const isElsewhere = spec.linux.namespaces.some(({ type, path }) =>
    path !== undefined && (type === "cgroup" || type === "mount")
  );
  if (isElsewhere || !entersCgroup(spec, facts)) return null;
  return facts.cgroupEntry?.directory ?? null;
}

/** The files that a process writes "0" to if it was not created in the cgroup. */
export function joinFiles({ cgroupEntry }: ProcessFacts): string[] {
  if (!cgroupEntry) return [];
  const { join, directory } = cgroupEntry;
  return [
    ...join,
    ...(directory === null ? [] : [`${directory}/cgroup.procs`]),
  ];
}

/** The files that PID 1 writes "0" to. */
function filesOfPidOne(spec: Spec, facts: ProcessFacts): string[] {
  if (!entersCgroup(spec, facts)) return [];
  return birthplace(spec, facts) === null
    ? joinFiles(facts)
    : [...facts.cgroupEntry?.join ?? []];
}

/** Opens the files, before PID 1 and the command write to them. */
export function openCgroups(spec: Spec, facts: ProcessFacts): Step[] {
  const { init, cgroupEntry } = facts;
  const files = init && cgroupEntry
    ? [...joinFiles(facts), ...cgroupEntry.back]
    : filesOfPidOne(spec, facts);
  if (!files.length) return [];
  return [{
    step: "openCgroups",
    files,
    from: CGROUPS_FROM,
    why: init
      ? "opened on the host, because inside these files have no path: some let the command join its cgroup, others let PID 1 return to its parent's cgroup"
      : OPENED_ON_HOST,
    man: "cgroups(7)",
  }];
}

/** PID 1 joins, in each tree that it was not created in. */
export function enterCgroups(spec: Spec, facts: ProcessFacts): Step[] {
  const files = filesOfPidOne(spec, facts);
  if (!files.length) return [];
  return [{
    step: "joinCgroups",
    files,
    from: CGROUPS_FROM,
    why:
      "done first, so that the container's whole resource usage is counted and its cgroup namespace starts at this cgroup",
    man: "cgroups(7)",
  }];
}

/** Our program, as PID 1, makes the cgroup namespace and leaves the cgroup. */
export function leaveCgroups(spec: Spec, facts: ProcessFacts): Step[] {
  const { cgroupEntry } = facts;
  if (!cgroupEntry || !visitsCgroup(spec, facts)) return [];
  return [
    {
      step: "unshare",
      namespaces: ["cgroup"],
      why: CGROUP_VIEW,
      man: "unshare(2), cgroup_namespaces(7)",
    },
    ...(cgroupEntry.back.length
      ? [
        {
          step: "joinCgroups",
          files: cgroupEntry.back,
          from: CGROUPS_FROM + joinFiles(facts).length,
          why:
            "the limits apply to the command only: this program counts in its parent's cgroup, so the kernel does not kill it when the command runs out of memory",
          man: "cgroups(7)",
        } as const,
      ]
      : []),
  ];
}

/** Where our program is PID 1: the process of the command joins by itself. */
export function joinCommandCgroup(facts: ProcessFacts): Step[] {
  if (!facts.init || !facts.cgroupEntry) return [];
  return [{
    step: "joinCgroups",
    files: joinFiles(facts),
    from: CGROUPS_FROM,
    why:
      "from here on the kernel counts and limits the command's resource usage",
    man: "cgroups(7)",
  }];
}

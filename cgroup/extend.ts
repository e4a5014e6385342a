/**
 * Adds a running container to a v1 controller when an update asks for its first
 * limit of it. Each v1 tree is joined separately, and every join costs a wait
 * in the kernel, so a container starts only in the trees that it needs. v2 has
 * one tree, joined at the start.
 *
 * @module
 */

import type { Resources } from "../spec/resources.ts";
import { codeOf, readFile, writeFile } from "./apply.ts";
import { CONCERNS } from "./files.ts";
import {
  type CgroupMount,
  type Hierarchy,
  mountOf,
  readLevel,
} from "./hierarchy.ts";
import type { CgroupState } from "./manager.ts";
import {
  cgroupDenied,
  directoriesAbove,
  makeDirectory,
  missingDirectories,
  takeCgroup,
} from "./place.ts";
import { removedBy } from "./plan.ts";
import type { CgroupGroup, CgroupStep, Need } from "./step.ts";

/** How a container gets more controllers. */
export interface Extension {
  /** The cgroup with its new parts. */
  state: CgroupState;
  /** The steps that make them. */
  steps: CgroupStep[];
  /** The new cgroups, into which its processes move. */
  added: string[];
}

/**
 * Plans the parts of a container's cgroup in the trees that `resources` need,
 * at its path in the other trees. Only reads.
 *
 * @throws CgroupDenied if we may not make them
 */
export function planExtension(
  state: CgroupState,
  resources: Resources,
  hierarchy: Hierarchy,
): Extension {
  const steps: CgroupStep[] = [];
  const added: string[] = [];
  for (const { concern, mount } of lacking(state, resources, hierarchy)) {
    const place = placeOf(state, hierarchy);
    if (place === null) continue;
    const path = `${mount.path}${place}`;
    const need: Need = {
      required: new Map([[concern.v1!, concern.what]]),
      optional: new Set(),
    };
    const missing = missingDirectories(mount, path, readLevel);
    if (missing === null) throw cgroupDenied(mount, path, need);
    const group: CgroupGroup = {
      version: 1,
      controllers: mount.controllers,
      path,
    };
    state = { ...state, groups: [...state.groups, group] };
    for (const directory of [...directoriesAbove(mount.path, path), path]) {
      if (!missing.includes(directory)) continue;
      steps.push(...makeDirectory(mount, directory, path, need));
    }
    if (!missing.includes(path)) steps.push(takeCgroup(mount, path));
    added.push(path);
  }
  return {
    state,
    added,
    steps: steps.map((step) => ({ ...step, ...removedBy(step, state.groups) })),
  };
}

/** Moves the processes of a container into its new cgroups. */
export function moveInto({ state, added }: Extension): void {
  for (const path of added) moveAll(state.groups[0]!.path, path);
}

function lacking(
  { groups }: CgroupState,
  resources: Resources,
  hierarchy: Hierarchy,
) {
  const found: { concern: typeof CONCERNS[number]; mount: CgroupMount }[] = [];
  for (const concern of CONCERNS) {
    if (!concern.asked(resources)) continue;
    const mount = mountOf(hierarchy, concern);
    if (mount?.version !== 1) continue;
    const has = groups.some(({ version, controllers }) =>
      version === 1 && controllers.includes(concern.v1!)
    );
    if (has || found.some((other) => other.mount === mount)) continue;
    found.push({ concern, mount });
  }
  return found;
}

/**
 * The path of the container's cgroup relative to the top of its first tree;
 * null if it is unknown.
 */
function placeOf({ groups }: CgroupState, { mounts }: Hierarchy) {
  for (const { path } of groups) {
    const mount = mounts.find((mount) => path.startsWith(`${mount.path}/`));
    if (mount) return path.slice(mount.path.length);
  }
  return null;
}

/**
 * Repeats until no process is left: one that forks meanwhile leaves a child
 * behind.
 */
function moveAll(from: string, to: string): void {
  const pids = (path: string) =>
    readFile(`${path}/cgroup.procs`)?.split("\n").filter(Boolean) ?? [];
  for (;;) {
    const there = new Set(pids(to));
    const rest = pids(from).filter((pid) => !there.has(pid));
    if (!rest.length) return;
    for (const pid of rest) {
      try {
        writeFile(`${to}/cgroup.procs`, pid);
      } catch (error) {
        if (codeOf(error) !== "ESRCH") throw error;
      }
    }
  }
}

/**
 * Plans a container's cgroup in a systemd scope: decides whether it gets a
 * scope, and plans our part of it. Changes nothing.
 *
 * @module
 */

import { type CgroupFiles, type Hierarchy, levelsIn } from "../hierarchy.ts";
import { type CgroupOptions, planCgroup } from "../plan.ts";
import type { CgroupPlan, CgroupScope, CgroupStep } from "../step.ts";
import {
  handedDown,
  planScope,
  readWithScope,
  systemManager,
} from "./systemd.ts";
import { unitProperties } from "./unit_properties.ts";

/** The place of a container that `run` makes. */
interface Place {
  id: string;
  /** `--cgroup-parent`. */
  parent?: string;
  rootless?: boolean;
}

/**
 * Plans the cgroup of a container that `run` makes. If systemd runs, it is in a
 * unit of the requested slice; a parent that is a path means no unit.
 */
export function planPlace(
  { id, parent, rootless }: Place,
  hierarchy: Hierarchy,
  files: CgroupFiles,
): (options: CgroupOptions) => CgroupPlan {
  const scope = scopeFor({ id, parent, rootless }, hierarchy, files);
  if (scope) return (options) => planInScope(options, hierarchy, scope, files);
  const below = parent === undefined
    ? {}
    : { cgroupsPath: `${parent}/container-${id}`, parent };
  const read = levelsIn(files);
  return (options) => planCgroup({ ...options, ...below }, hierarchy, read);
}

function scopeFor(
  { id, parent: slice = "system.slice", rootless }: Place,
  { layout, mounts: [mount] }: Hierarchy,
  files: CgroupFiles,
): CgroupScope | null {
  const isUnit = slice.endsWith(".slice") && !slice.includes("/");
  if (!mount || layout !== "v2" || rootless || !isUnit) return null;
  const manager = systemManager(files);
  return manager && planScope(id, mount, manager, slice);
}

/**
 * Plans a cgroup in a scope. The unit's properties include the settings that
 * have to apply to the scope too.
 */
export function planInScope(
  options: CgroupOptions,
  hierarchy: Hierarchy,
  scope: CgroupScope,
  files: CgroupFiles,
): CgroupPlan {
  const [mount] = hierarchy.mounts;
  const read = levelsIn(files);
  if (!mount) throw new TypeError("a scope is in the cgroup v2 tree");
  const plan = planCgroup(
    {
      ...options,
      cgroupsPath: `${scope.path.slice(mount.path.length)}/command`,
      available: handedDown(mount, scope.manager, read),
    },
    hierarchy,
    readWithScope(scope, mount, read),
  );
  const properties = [...unitProperties(plan.steps), ...scope.properties];
  const full = { ...scope, properties };
  return { ...plan, scope: full, steps: [startOf(full), ...plan.steps] };
}

const startOf = (scope: CgroupScope): CgroupStep => ({
  step: "startScope",
  ...scope,
  why:
    "systemd owns the cgroups of this machine and may undo changes elsewhere: it delegates this unit to container, and a process of container holds the unit until the container's first process is in it",
  man: "systemd.scope(5)",
  // systemd removes the unit when its last process has ended.
  undo: "kernel",
});

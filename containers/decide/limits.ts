/**
 * The container's cgroup: made where a limit asks for one, removed with the
 * container. Runs on the host, in the parent.
 */

import { readHierarchy } from "../../cgroup/mod.ts";
import type { Hierarchy } from "../../cgroup/hierarchy.ts";
import { planPlace } from "../../cgroup/systemd/in_scope.ts";
import { NotOurs } from "../../cgroup/place.ts";
import type { CgroupPlan } from "../../cgroup/step.ts";
import type { Resources } from "../../spec/resources.ts";

/** What is asked of a container's cgroup. */
interface LimitOptions {
  id: string;
  resources: Resources;
  /** `--cgroup-parent`. */
  parent?: string;
  /** The caller is no root: what is not handed to him is left out. */
  rootless: boolean;
}

/** A cgroup to be made, and why limits that were asked for will not hold. */
export interface PlannedLimits {
  cgroup: CgroupPlan | null;
  leftOut: NotOurs[];
}

/**
 * Plans a cgroup for limits. Reads only.
 *
 * @throws ContainerError where this machine has no such limit, and for root
 * where its cgroup cannot be made
 */
export function planLimits(options: LimitOptions): PlannedLimits {
  const hierarchy = readHierarchy();
  const plan = placement(options, hierarchy);
  const leftOut: NotOurs[] = [];
  const attempt = (resources: Resources) => {
    try {
      return plan(resources);
    } catch (error) {
      if (!options.rootless || !(error instanceof NotOurs)) throw error;
      leftOut.push(error);
      return null;
    }
  };
  const cgroup = attempt(options.resources);
  if (cgroup) return { cgroup, leftOut };
  // Some may be handed to a user where others are not.
  leftOut.length = 0;
  const kept = partsOf(options.resources).filter((part) => attempt(part));
  if (!kept.length) return { cgroup: null, leftOut };
  const { cpu: _cpu, ...others } = Object.assign({}, ...kept);
  const cpu = Object.assign({}, ...kept.map((part) => part.cpu));
  return { cgroup: plan({ ...others, cpu }), leftOut };
}

/** Plans for resources, in the place that the cgroup is to have. */
function placement(
  { id, parent, rootless }: LimitOptions,
  hierarchy: Hierarchy,
): (resources: Resources) => CgroupPlan {
  const planned = planPlace({ id, parent, rootless }, hierarchy);
  return (resources) => {
    const { scope, entry, ...plan } = planned({ id, resources, rootless });
    if (!scope) return { ...plan, entry };
    // The unit is the container's: our program as PID 1 is in it too.
    const back = [`${scope.own}/cgroup.procs`];
    return { ...plan, scope, entry: entry && { ...entry, back } };
  };
}

/** What can be had or not by itself: a controller's share of the limits. */
function partsOf({ cpu = {}, ...others }: Resources): Resources[] {
  const { cpus, mems, ...time } = cpu;
  const parts: Resources[] = Object.entries(others).map(([key, value]) => ({
    [key]: value,
  }));
  if (Object.keys(time).length) parts.push({ cpu: time });
  if (cpus !== undefined || mems !== undefined) {
    parts.push({ cpu: { cpus, mems } });
  }
  return parts.length ? parts : [{}];
}

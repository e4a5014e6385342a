/**
 * Plans the container's cgroup if limits need it. Only reads and decides;
 * changes nothing. The cgroup is created when the plan is carried out, and
 * removed with the container. Runs on the host, in the parent.
 */

import { DEFAULT_DEVICE_RULES, readHierarchy } from "../../cgroup/mod.ts";
import type { Hierarchy } from "../../cgroup/hierarchy.ts";
import { planPlace } from "../../cgroup/systemd/in_scope.ts";
import { CgroupDenied } from "../../cgroup/place.ts";
import type { CgroupPlan } from "../../cgroup/step.ts";
import type { Resources } from "../../spec/resources.ts";
import type { World } from "../world/world.ts";

/** What the container's cgroup has to provide. */
interface LimitOptions {
  id: string;
  resources: Resources;
  /** `--cgroup-parent`. */
  parent?: string;
  /**
   * The caller is not root. A limit is left out if its controller is not
   * delegated to the caller.
   */
  rootless: boolean;
}

/** The cgroup to create, and why some requested limits will not hold. */
export interface PlannedLimits {
  cgroup: CgroupPlan | null;
  leftOut: CgroupDenied[];
}

/**
 * Plans a cgroup for limits.
 *
 * @throws {ContainerError} if this machine does not have such a limit; for root
 * also if the cgroup cannot be created
 */
export function planLimits(options: LimitOptions, world: World): PlannedLimits {
  const plan = placement(options, readHierarchy(world), world);
  const leftOut: CgroupDenied[] = [];
  const attempt = (resources: Resources) => {
    try {
      return plan(resources);
    } catch (error) {
      if (!options.rootless || !(error instanceof CgroupDenied)) throw error;
      leftOut.push(error);
      return null;
    }
  };
  const cgroup = attempt(options.resources);
  if (cgroup) return { cgroup, leftOut };
  // Some controllers may be delegated to the user while others are not.
  leftOut.length = 0;
  const kept = partsOf(options.resources).filter((part) => attempt(part));
  if (!kept.length) return { cgroup: null, leftOut };
  const { cpu: _cpu, ...others } = Object.assign({}, ...kept);
  const cpu = Object.assign({}, ...kept.map((part) => part.cpu));
  return { cgroup: plan({ ...others, cpu }), leftOut };
}

/**
 * Plans the cgroup of a container in the background, which has one even without
 * limits: to find its processes, to measure and to freeze them.
 *
 * @throws {ContainerError} if it cannot be created
 */
export function planLasting(
  { id, resources, parent, rootless }: LimitOptions,
  world: World,
): CgroupPlan {
  const plan = planPlace(
    { id, parent, rootless },
    readHierarchy(world),
    world,
  );
  return plan({
    id,
    resources: {
      ...resources,
      devices: [...resources.devices ?? [], ...DEFAULT_DEVICE_RULES],
    },
    stats: true,
    freeze: true,
    unique: true,
    rootless,
  });
}

/**
 * Returns a function that plans the cgroup for given limits, at the place
 * chosen here.
 */
function placement(
  { id, parent, rootless }: LimitOptions,
  hierarchy: Hierarchy,
  world: World,
): (resources: Resources) => CgroupPlan {
  const planned = planPlace({ id, parent, rootless }, hierarchy, world);
  return (resources) => {
    const { scope, entry, ...plan } = planned({
      ...{ id, resources, rootless },
      unique: true,
    });
    if (!scope) return { ...plan, entry };
    // The container has a systemd scope of its own, and this program as PID 1
    // belongs to it too.
    const back = [`${scope.own}/cgroup.procs`];
    return { ...plan, scope, entry: entry && { ...entry, back } };
  };
}

/**
 * Splits the limits into parts that are available or not independently of each
 * other: one for each controller.
 */
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

/**
 * Plans the container's cgroup if limits need it. Only reads and decides;
 * changes nothing. The cgroup is created when the plan is carried out, and
 * removed with the container. Runs on the host, in the parent.
 */

import { DEFAULT_DEVICE_RULES, readHierarchy } from "../../cgroup/mod.ts";
import { planPlace } from "../../cgroup/systemd/in_scope.ts";
import { CgroupDenied } from "../../cgroup/place.ts";
import type { CgroupPlan } from "../../cgroup/step.ts";
import { SpecError, UsageError } from "../../spec/errors.ts";
import type { Resources } from "../../spec/resources.ts";
import type { Spec } from "../../spec/types.ts";
import type { World } from "../world/world.ts";
import type { ContainerOptions } from "./options.ts";

/** What the container's cgroup has to provide. */
interface LimitOptions {
  id: string;
  /** Absent without limits. */
  resources?: Resources;
  /** `--cgroup-parent`. */
  parent?: string;
  /** The caller is not root. */
  rootless: boolean;
}

/**
 * Plans a cgroup for limits. A limit protects the machine from the container, so
 * a limit that cannot be set is an error, for root and for users.
 *
 * @throws {ContainerError} if this machine does not have such a limit, or if the
 * cgroup cannot be created
 */
export function planLimits(
  { id, resources, parent, rootless }: LimitOptions,
  world: World,
): CgroupPlan | null {
  const needed = parent !== undefined ||
    Object.keys(resources ?? {}).some((name) =>
      // File permissions protect devices from users.
      name !== "devices" || !rootless
    );
  if (!needed) return null;
  const plan = planPlace({ id, parent, rootless }, readHierarchy(world), world);
  const { scope, entry, ...rest } = plan({
    ...{ id, resources, rootless },
    unique: true,
  });
  if (!scope) return { ...rest, entry };
  // The container has a systemd scope of its own, and this program as PID 1
  // belongs to it too.
  const back = [`${scope.own}/cgroup.procs`];
  return { ...rest, scope, entry: entry && { ...entry, back } };
}

/**
 * Plans the cgroup of a container in the background, which has one even without
 * limits: to measure and to freeze its processes. Without limits it may also be
 * missing, as in the foreground. Null then.
 *
 * @throws {ContainerError} if limits need it and it cannot be created
 */
export function planLasting(
  { id, resources, parent, rootless }: LimitOptions,
  world: World,
): CgroupPlan | null {
  const place = planPlace(
    { id, parent, rootless },
    readHierarchy(world),
    world,
  );
  const plan = (resources?: Resources) =>
    place({
      ...{ id, resources, rootless },
      stats: true,
      freeze: true,
      unique: true,
    });
  const withDevices = () =>
    plan({
      ...resources,
      devices: [...resources?.devices ?? [], ...DEFAULT_DEVICE_RULES],
    });
  if (hasLimits(resources) || parent !== undefined) return withDevices();
  return orDenied(withDevices) ?? orDenied(plan);
}

const hasLimits = (resources: Resources = {}) =>
  Object.keys(resources).length > 0;

/** The plan; null if this machine or its owner refuses the cgroup. */
function orDenied(plan: () => CgroupPlan): CgroupPlan | null {
  try {
    return plan();
  } catch (error) {
    if (error instanceof CgroupDenied) return null;
    throw error;
  }
}

/**
 * Refuses limits for a container that is to have no cgroup.
 *
 * @throws {UsageError}
 */
export function refuseLimits(
  { resources, cgroupParent }: Pick<
    ContainerOptions,
    "resources" | "cgroupParent"
  >,
): void {
  if (!hasLimits(resources) && cgroupParent === undefined) return;
  throw new UsageError(
    `Cannot ${
      hasLimits(resources) ? "limit resources" : "use --cgroup-parent"
    } without a cgroup`,
    "Remove the limit, or --cgroup-manager disabled.",
  );
}

/**
 * Refuses a container in the background whose processes no later command could
 * find: neither a cgroup nor a PID namespace holds them together.
 *
 * @throws {SpecError}
 */
export function requireHold(
  { linux }: Pick<Spec, "linux">,
  cgroup: CgroupPlan | null,
): void {
  if (cgroup?.groups.length) return;
  const ownsProcesses = linux.namespaces.some(({ type, path }) =>
    type === "pid" && path === undefined
  );
  if (ownsProcesses) return;
  throw new SpecError(
    "Cannot run a container in the background with neither a cgroup nor a PID namespace of its own: no command could find and end its processes",
    {
      hint:
        "Use --pid private, or run it where it can have a cgroup; see container doctor.",
    },
  );
}

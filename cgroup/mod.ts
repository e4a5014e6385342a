/**
 * Cgroups: limits and measures the resources of a container.
 *
 * @module
 */

export {
  DEFAULT_DEVICE_RULES,
  deviceLookup,
  HARMLESS_DEVICE_RULES,
} from "./devices.ts";
export { moveInto, planExtension } from "./extend.ts";
export { entryInto, joinFile } from "./join_file.ts";
export { type Hierarchy, readHierarchy } from "./hierarchy.ts";
export { Cgroup, type CgroupState, stateOf } from "./manager.ts";
export { type CgroupOptions, planCgroup } from "./plan.ts";
export type { DeviceStats, Stats } from "./stats.ts";
export type { CgroupGroup, CgroupPlan, CgroupStep } from "./step.ts";

/**
 * The cgroup of a container that `create` makes: created by this program, or in
 * a systemd scope. Only reads and decides; changes nothing. Runs on the host,
 * in the command that creates the container.
 */

import { levelsIn } from "../../../cgroup/hierarchy.ts";
import {
  type CgroupOptions,
  HARMLESS_DEVICE_RULES,
  planCgroup,
  readHierarchy,
} from "../../../cgroup/mod.ts";
import type { CgroupPlan } from "../../../cgroup/step.ts";
import type { Spec } from "../../../spec/types.ts";
import type { Requester } from "../requester.ts";

/** What creates the cgroup; `none`: the container gets no cgroup. */
export type CgroupManager = "cgroupfs" | "systemd" | "none";

/** What the cgroup is planned from. */
interface Asked {
  id: string;
  spec: Spec;
  cgroups: CgroupManager;
}

/**
 * Plans the cgroup.
 *
 * @throws {ContainerError} if it cannot be created, {SpecError} if
 * linux.cgroupsPath is not of systemd's form
 */
export async function planCgroupOf(
  { id, spec, cgroups }: Asked,
  { caller, world }: Requester,
): Promise<CgroupPlan | null> {
  if (cgroups === "none") return null;
  const { resources, cgroupsPath } = spec.linux;
  const { privileged, nested } = caller;
  const options: CgroupOptions = {
    id,
    cgroupsPath,
    resources: {
      ...resources,
      // After the configuration's rules, as in runc: a rule that denies devices
      // means other devices than these.
      devices: [...resources?.devices ?? [], ...HARMLESS_DEVICE_RULES],
    },
    stats: true,
    all: true,
    freeze: true,
    // Root of a user namespace cannot manage the host's cgroups.
    rootless: !privileged || nested,
  };
  const hierarchy = readHierarchy(world);
  if (cgroups === "cgroupfs") {
    return planCgroup(options, hierarchy, levelsIn(world));
  }
  const { planSystemdCgroup } = await import("./systemd_cgroup.ts");
  const { annotations } = spec;
  return planSystemdCgroup(options, hierarchy, { annotations, world });
}

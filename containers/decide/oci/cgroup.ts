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
import { hostIdOf } from "../../../spec/ids.ts";
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
    return given(planCgroup(options, hierarchy, levelsIn(world)), spec);
  }
  const { planSystemdCgroup } = await import("./systemd_cgroup.ts");
  const { annotations } = spec;
  return given(
    planSystemdCgroup(options, hierarchy, { annotations, world }),
    spec,
  );
}

/** Lets the container's user make cgroups below, which is safe only on v2. */
function given(plan: CgroupPlan, spec: Spec): CgroupPlan {
  const uid = ownerOf(spec);
  const [group, ...more] = plan.groups;
  if (uid === null || group?.version !== 2 || more.length) return plan;
  return {
    ...plan,
    steps: [...plan.steps, {
      step: "giveCgroup",
      path: group.path,
      uid,
      why:
        "the container has its own cgroup namespace and may make cgroups; the limits stay ours because their files do",
      man: "cgroups(7), Delegation",
      undo: "kernel",
    }],
  };
}

/**
 * The host id of the user who may create cgroups below the container's: the
 * user of its command, if the container has its own user and cgroup namespaces
 * and a writable cgroup mount. Null otherwise. See runtime-spec, "Cgroup
 * ownership".
 */
function ownerOf({ linux, mounts = [], process }: Spec): number | null {
  const { namespaces, uidMappings = [] } = linux;
  const isOwn = (wanted: string) =>
    namespaces.some(({ type, path }) => type === wanted && path === undefined);
  const isWritable = mounts.some(({ type, options = [] }) =>
    (type === "cgroup" || type === "cgroup2") &&
    !options.some((option) => option === "ro" || option === "rro")
  );
  if (!isOwn("user") || !isOwn("cgroup") || !isWritable) return null;
  return hostIdOf(process.user.uid, uidMappings);
}

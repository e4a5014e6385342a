/**
 * The cgroup of a container that `create` makes: created by this program, or in
 * a systemd scope. Runs on the host, in the command that creates the container.
 */

import {
  type CgroupOptions,
  createCgroup,
  HARMLESS_DEVICE_RULES,
  planCgroup,
  readHierarchy,
} from "../../cgroup/mod.ts";
import type { CgroupPlan } from "../../cgroup/step.ts";
import type { Spec } from "../../spec/types.ts";
import { readCaller } from "../decide/caller.ts";
import { hostIdOf } from "../../spec/ids.ts";
import type { Entry } from "../store/store.ts";

/** What creates the cgroup; `none`: the container gets no cgroup. */
export type CgroupManager = "cgroupfs" | "systemd" | "none";

/** What the cgroup is planned from. */
interface Asked {
  id: string;
  spec: Spec;
  cgroups: CgroupManager;
}

/**
 * Plans the cgroup. Only reads.
 *
 * @throws {ContainerError} if it cannot be created, {SpecError} if
 * linux.cgroupsPath is not of systemd's form
 */
export async function planCgroupOf(
  { id, spec, cgroups }: Asked,
): Promise<CgroupPlan | null> {
  if (cgroups === "none") return null;
  const { resources, cgroupsPath } = spec.linux;
  const { privileged, nested } = readCaller();
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
  const hierarchy = readHierarchy();
  if (cgroups === "cgroupfs") return planCgroup(options, hierarchy);
  const { planSystemdCgroup } = await import("./systemd_cgroup.ts");
  return planSystemdCgroup(options, hierarchy, spec.annotations);
}

/**
 * Creates the cgroup. The result keeps its scope alive until the container's
 * first process is in it.
 */
export async function makeCgroup(
  plan: CgroupPlan | null,
  entry: Entry,
): Promise<Disposable | null> {
  if (!plan) return null;
  using held = new DisposableStack();
  if (plan.scope) {
    const { Scope } = await import("../../launch/host/systemd_scope.ts");
    const scope = await Scope.start(plan.scope);
    held.defer(() => scope.release());
  }
  const cgroup = createCgroup(plan, (state) => {
    entry.save({ ...entry.record, cgroup: state });
  });
  const owner = ownerOf(entry.record.spec);
  if (owner !== null) cgroup.giveTo(owner);
  return held.move();
}

/**
 * The host id of the user who may create cgroups below the container's: the
 * user of its command, if the container has its own user and cgroup namespaces
 * and a writable cgroup mount. Null otherwise. See runtime-spec, "Cgroup
 * ownership".
 */
export function ownerOf({ linux, mounts = [], process }: Spec): number | null {
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

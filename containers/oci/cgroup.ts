/**
 * The cgroup of a container that is created: made by us, or in a scope that
 * systemd makes. Runs on the host, in the command that creates the container.
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

/** Who makes the cgroup; `none`: there is to be none. */
export type CgroupManager = "cgroupfs" | "systemd" | "none";

/** What is asked of it. */
interface Asked {
  id: string;
  spec: Spec;
  cgroups: CgroupManager;
}

/**
 * Plans it. Reads only.
 *
 * @throws {ContainerError} where it cannot be made, {SpecError} where
 * linux.cgroupsPath is not one of systemd's
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
      // After the configuration, as runc has it: what it forbids are other
      // devices.
      devices: [...resources?.devices ?? [], ...HARMLESS_DEVICE_RULES],
    },
    stats: true,
    all: true,
    freeze: true,
    // Root of such a namespace has no say on the host's cgroups.
    rootless: !privileged || nested,
  };
  const hierarchy = readHierarchy();
  if (cgroups === "cgroupfs") return planCgroup(options, hierarchy);
  const { planSystemdCgroup } = await import("./systemd_cgroup.ts");
  return planSystemdCgroup(options, hierarchy, spec.annotations);
}

/** Keeps open what holds a cgroup until the container's first process does. */
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
 * Who may make cgroups below the container's: the user of its command, where it
 * has a user and a cgroup namespace of its own and sees its cgroup writable.
 * Runtime-spec, "Cgroup ownership".
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

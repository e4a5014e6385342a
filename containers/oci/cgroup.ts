/**
 * The cgroup of a container that `create` makes: created by this program, or in
 * a systemd scope. Runs on the host, in the command that creates the container.
 */

import { createCgroup } from "../../cgroup/mod.ts";
import type { CgroupPlan } from "../../cgroup/step.ts";
import type { Spec } from "../../spec/types.ts";
import { hostIdOf } from "../../spec/ids.ts";
import type { Entry } from "../store/store.ts";

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

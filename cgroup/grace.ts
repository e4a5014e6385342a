/**
 * The wait before a process can be moved between cgroups. Runs on the host, in
 * the parent, on a thread of the runtime's.
 *
 * @module
 */

import type { Hierarchy } from "./hierarchy.ts";

/**
 * Lets that wait pass while something else is done.
 *
 * A move keeps every fork and exit of the machine away, and the kernel waits
 * for an RCU grace period before it does: 5 to 15 ms, when nobody has moved
 * for a while. A move right after another waits for nothing. So this process
 * moves to where it is, which changes nothing, and by the time the container's
 * has to move, its way is free. No cgroup can be made meanwhile.
 *
 * Nothing hangs on it: where it fails, the wait comes later.
 *
 * @param files each the cgroup.procs of a cgroup that we are in, cgroups(7)
 */
export function beginMove([file]: readonly string[]): void {
  if (file === undefined) return;
  Deno.writeTextFile(file, "0", { create: false }).catch(() => {});
}

/** Those of ours; none where a process is born in its cgroup, on v2 alone. */
export const ownFiles = ({ layout, mounts }: Hierarchy): string[] =>
  layout === "v2" ? [] : mounts.map(({ own }) => `${own}/cgroup.procs`);

/**
 * How a process gets from one cgroup into another by itself.
 *
 * @module
 */

import type { CgroupEntry } from "../plan/facts.ts";
import type { CgroupGroup } from "./step.ts";

type Place = Pick<CgroupGroup, "version" | "path">;

/**
 * The file of a cgroup that a process with a single thread writes "0" to, to be
 * in it.
 *
 * A write to cgroup.procs moves a whole process. The kernel keeps every fork
 * and exit of the machine away from that, and waits for an RCU grace period
 * first: 5 to 20 ms, and no cgroup can be made meanwhile. `tasks` of v1 moves a
 * thread, and one that moves itself waits for nobody (Linux 5.5), which comes
 * to the same for whoever has no other. v2 has no such file outside of threaded
 * cgroups, cgroups(7); a process can be born in its cgroup instead.
 */
export const wayIn = ({ version, path }: Place): string =>
  `${path}/${version === 1 ? "tasks" : "cgroup.procs"}`;

/** The ways into a container's cgroup, which has a place in some trees. */
export function entryInto(
  places: readonly Place[],
): Pick<CgroupEntry, "join" | "directory"> {
  return {
    join: places.filter(({ version }) => version === 1).map(wayIn),
    directory: places.find(({ version }) => version === 2)?.path ?? null,
  };
}

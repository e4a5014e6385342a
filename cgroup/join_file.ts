/**
 * How a process moves itself into a cgroup.
 *
 * @module
 */

import type { CgroupEntry } from "../plan/facts.ts";
import type { CgroupGroup } from "./step.ts";

type Place = Pick<CgroupGroup, "version" | "path">;

/**
 * The file of a cgroup that a single-threaded process writes "0" to, in order
 * to join.
 *
 * A write to cgroup.procs moves a whole process. For that the kernel blocks
 * every fork and exit on the machine and first waits for an RCU grace period: 5
 * to 20 ms, in which no cgroup can be made. A write to v1's `tasks` moves one
 * thread. A thread that moves itself does not wait (Linux 5.5), and for a
 * process with one thread the effect is the same. v2 has such a file in
 * threaded cgroups only, cgroups(7); there a process can be created in its
 * cgroup instead.
 */
export const joinFile = ({ version, path }: Place): string =>
  `${path}/${version === 1 ? "tasks" : "cgroup.procs"}`;

/** How to join a container's cgroups. */
export function entryInto(
  places: readonly Place[],
): Pick<CgroupEntry, "join" | "directory"> {
  return {
    join: places.filter(({ version }) => version === 1).map(joinFile),
    directory: places.find(({ version }) => version === 2)?.path ?? null,
  };
}

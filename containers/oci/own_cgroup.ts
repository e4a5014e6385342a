/**
 * The container's cgroup, for operations that need one. Runs on the host, in
 * the process of the command.
 */

import type { CgroupState } from "../../cgroup/mod.ts";
import { ContainerError } from "../../spec/errors.ts";
import type { ContainerRecord } from "../store/store.ts";

/**
 * The cgroup that was created for the container.
 *
 * @param action the operation, for example `pause`
 * @throws {ContainerError} if it has none
 */
export function ownCgroup(
  { id, cgroup }: ContainerRecord,
  action: string,
): CgroupState {
  if (cgroup?.groups.length) return cgroup;
  throw new ContainerError(
    `Cannot ${action} ${id}: it has no cgroup of its own`,
    {
      hint: cgroup
        ? "A user gets one on cgroup v2, from a systemd of the user's; else run as root (sudo). See container doctor."
        : "Create it with cgroups: leave out --cgroup-manager disabled.",
    },
  );
}

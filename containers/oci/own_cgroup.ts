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
    `Cannot ${action} ${id}: it does not have its own cgroup`,
    {
      hint: cgroup
        ? "Without root this requires cgroup v2 and a systemd user instance. Otherwise run as root (sudo). See container doctor."
        : "Create it without --cgroup-manager disabled.",
    },
  );
}

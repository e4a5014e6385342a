/**
 * The container's cgroup, for operations that need one. Runs on the host, in
 * the process of the command.
 */

import type { CgroupState } from "../../cgroup/mod.ts";
import { ContainerError } from "../../spec/errors.ts";
import { nameOf } from "../store/status.ts";
import type { ContainerRecord } from "../store/store.ts";

/**
 * The cgroup that was created for the container.
 *
 * @param action the operation, for example `pause`
 * @throws {ContainerError} if it has none
 */
export function ownCgroup(
  record: ContainerRecord,
  action: string,
): CgroupState {
  const { cgroup } = record;
  if (cgroup?.groups.length) return cgroup;
  throw new ContainerError(
    `Cannot ${action} ${nameOf(record)}: it does not have its own cgroup`,
    {
      hint:
        "Start it without --cgroup-manager disabled, as root (sudo). Without root it requires cgroup v2 and a systemd user instance. See container doctor.",
    },
  );
}

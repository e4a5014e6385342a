/** The cgroup of a container, for what cannot be done without. Runs on the host. */

import type { CgroupState } from "../../cgroup/mod.ts";
import { ContainerError } from "../../spec/errors.ts";
import type { ContainerRecord } from "../store/store.ts";

/**
 * The cgroup that was made for it.
 *
 * @param action what is asked for, as `pause`
 * @throws {ContainerError} where there is none
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

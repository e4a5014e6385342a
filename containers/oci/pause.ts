/**
 * pause and resume, by the cgroup's freezer. Run on the host, in these
 * commands.
 */

import { Cgroup } from "../../cgroup/mod.ts";
import { ContainerError } from "../../spec/errors.ts";
import { ownCgroup } from "./own_cgroup.ts";
import { nameOf, stateVerb, statusOf } from "../store/status.ts";
import type { Store } from "../store/store.ts";

/**
 * Freezes every process of a container without notifying it, cgroups(7).
 *
 * @throws {ContainerError} if it does not run, or has no cgroup
 */
export function pause(store: Store, id: string): void {
  using entry = store.open(id);
  const status = statusOf(entry);
  if (status !== "running" && status !== "created") {
    const name = nameOf(entry.record);
    throw new ContainerError(
      `container not running: ${name} ${stateVerb(status)}`,
    );
  }
  new Cgroup(ownCgroup(entry.record, "pause")).freeze();
}

/**
 * Thaws every process of a container.
 *
 * @throws {ContainerError} if it is not paused
 */
export function resume(store: Store, id: string): void {
  using entry = store.open(id);
  if (statusOf(entry) !== "paused") {
    throw new ContainerError(`container not paused: ${nameOf(entry.record)}`);
  }
  new Cgroup(ownCgroup(entry.record, "resume")).thaw();
}

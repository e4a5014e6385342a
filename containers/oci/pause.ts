/** pause and resume: the cgroup's freezer. Run on the host. */

import { Cgroup } from "../../cgroup/mod.ts";
import { ContainerError } from "../../spec/errors.ts";
import { ownCgroup } from "./own_cgroup.ts";
import { statusOf } from "../store/status.ts";
import type { Store } from "../store/store.ts";

/** Stops every process of a container, without telling it. cgroups(7) */
export function pause(store: Store, id: string): void {
  using entry = store.open(id);
  const status = statusOf(entry);
  if (status !== "running" && status !== "created") {
    throw new ContainerError(`container not running: ${id} is ${status}`);
  }
  new Cgroup(ownCgroup(entry.record, "pause")).freeze();
}

/** Lets them go on. */
export function resume(store: Store, id: string): void {
  using entry = store.open(id);
  if (statusOf(entry) !== "paused") {
    throw new ContainerError(`container not paused: ${id}`);
  }
  new Cgroup(ownCgroup(entry.record, "resume")).thaw();
}

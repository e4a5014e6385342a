/** pause and resume: the cgroup's freezer. Run on the host. */

import { Cgroup } from "../../cgroup/mod.ts";
import { ContainerError } from "../../spec/errors.ts";
import { statusOf } from "./status.ts";
import type { Entry, Store } from "./store.ts";

/** Stops every process of a container, without telling it. cgroups(7) */
export function pause(store: Store, id: string): void {
  using entry = store.open(id);
  const status = statusOf(entry);
  if (status !== "running" && status !== "created") {
    throw new ContainerError(`container not running: ${id} is ${status}`);
  }
  cgroupOf(entry).freeze();
}

/** Lets them go on. */
export function resume(store: Store, id: string): void {
  using entry = store.open(id);
  if (statusOf(entry) !== "paused") {
    throw new ContainerError(`container not paused: ${id}`);
  }
  cgroupOf(entry).thaw();
}

function cgroupOf({ record }: Entry): Cgroup {
  if (record.cgroup) return new Cgroup(record.cgroup);
  throw new ContainerError(
    `Cannot pause ${record.id}: it has no cgroup of its own`,
    { hint: "Create it with cgroups: leave out --cgroup-manager disabled." },
  );
}

/** events: what a container uses, and its kills for want of memory, as they come. Runs on the host. */

import { readFile } from "../../cgroup/apply.ts";
import { Cgroup } from "../../cgroup/mod.ts";
import { ContainerError } from "../../spec/errors.ts";
import { statusOf } from "./status.ts";
import type { Store } from "./store.ts";
import { readUsage, type Usage } from "./usage.ts";

/** A line of `events`. */
export type Event =
  | { type: "stats"; id: string; data: Usage }
  | { type: "oom"; id: string };

/** How often a kill for want of memory is looked for, in milliseconds. */
const LOOK = 500;

/** What it uses now. */
export function usageOf(store: Store, id: string): Event {
  using entry = store.look(id);
  const status = statusOf(entry);
  if (status === "stopped" || status === "creating") {
    throw new ContainerError(`container with id ${id} is not running`);
  }
  const { cgroup } = entry.record;
  return { type: "stats", id, data: readUsage(cgroup?.groups ?? [], readFile) };
}

/**
 * The events of a container until it ends.
 *
 * @param interval between two of the type `stats`, in milliseconds
 */
export async function* events(
  store: Store,
  id: string,
  interval: number,
): AsyncGenerator<Event> {
  yield usageOf(store, id);
  let kills = killsOf(store, id);
  for (let next = performance.now() + interval;;) {
    const wait = Math.max(0, Math.min(LOOK, next - performance.now()));
    await new Promise((resolve) => setTimeout(resolve, wait));
    const now = killsOf(store, id);
    if (now === null) return;
    if (kills !== null && now > kills) yield { type: "oom", id };
    kills = now;
    if (performance.now() < next) continue;
    next += interval;
    yield usageOf(store, id);
  }
}

/** How often the kernel has killed in it for want of memory; null once it has ended. */
function killsOf(store: Store, id: string): number | null {
  using entry = store.glance(id);
  if (!entry?.isAlive()) return null;
  const { cgroup } = entry.record;
  return cgroup ? new Cgroup(cgroup).stats().memory?.oomKills ?? 0 : 0;
}

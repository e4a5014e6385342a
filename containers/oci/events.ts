/** events: what a container uses, and its kills for want of memory, as they come. Runs on the host. */

import { readFile } from "../../cgroup/apply.ts";
import { Cgroup } from "../../cgroup/mod.ts";
import { ContainerError } from "../../spec/errors.ts";
import { statusOf } from "../store/status.ts";
import type { Entry, Store } from "../store/store.ts";
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
  return usageIn(entry);
}

function usageIn({ record: { id, cgroup } }: Entry): Event {
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
  let { kills } = look(store, id);
  for (let next = performance.now() + interval;;) {
    const wait = Math.max(0, Math.min(LOOK, next - performance.now()));
    await new Promise((resolve) => setTimeout(resolve, wait));
    const now = look(store, id);
    if (now.kills > kills) yield { type: "oom", id };
    if (now.ended) return;
    kills = now.kills;
    if (performance.now() < next) continue;
    next += interval;
    using entry = store.glance(id);
    // It may have ended since: the next look tells.
    if (entry) yield usageIn(entry);
  }
}

/**
 * Whether it has ended, and how often the kernel has killed in it for want of
 * memory. That is asked last, and of what has ended, too: often it is that kill
 * that ends a container, whose cgroup stays until `delete`.
 */
function look(store: Store, id: string): { ended: boolean; kills: number } {
  using entry = store.glance(id);
  if (!entry) return { ended: true, kills: 0 };
  const ended = !entry.isAlive();
  const { cgroup } = entry.record;
  return { ended, kills: cgroup ? new Cgroup(cgroup).oomKills() : 0 };
}

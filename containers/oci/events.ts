/**
 * events: the resource use of a container, and its out-of-memory kills as they
 * happen. Runs on the host, in the events command.
 */

import { readFile } from "../../cgroup/apply.ts";
import { Cgroup } from "../../cgroup/mod.ts";
import { ContainerError } from "../../spec/errors.ts";
import { nameOf, statusOf } from "../store/status.ts";
import type { Entry, Store } from "../store/store.ts";
import { readUsage, type Usage } from "./usage.ts";

/** A line of `events`. */
export type Event =
  | { type: "stats"; id: string; data: Usage }
  | { type: "oom"; id: string };

/** Milliseconds between two checks for out-of-memory kills. */
const LOOK = 500;

/**
 * The current resource use.
 *
 * @throws {ContainerError} if the container does not run
 */
export function usageOf(store: Store, id: string): Event {
  using entry = store.look(id);
  const status = statusOf(entry);
  if (status === "stopped" || status === "creating") {
    throw new ContainerError(
      `container with id ${nameOf(entry.record)} is not running`,
    );
  }
  return usageIn(entry);
}

function usageIn({ record: { id, cgroup } }: Entry): Event {
  return { type: "stats", id, data: readUsage(cgroup?.groups ?? [], readFile) };
}

/**
 * The events of a container until it ends.
 *
 * @param interval milliseconds between two events of the type `stats`
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
    // If the container has ended meanwhile, the next look() notices it.
    if (entry) yield usageIn(entry);
  }
}

/**
 * Whether the container has ended, and how often the kernel has killed a
 * process in it because memory ran out. The kills are read last, and also after
 * the end: often such a kill ends the container. Its cgroup exists until
 * `delete`.
 */
function look(store: Store, id: string): { ended: boolean; kills: number } {
  using entry = store.glance(id);
  if (!entry) return { ended: true, kills: 0 };
  const ended = !entry.isAlive();
  const { cgroup } = entry.record;
  return { ended, kills: cgroup ? new Cgroup(cgroup).oomKills() : 0 };
}

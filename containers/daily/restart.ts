/**
 * Starting a container again: because somebody says so, or by its policy when
 * it has ended. Runs on the host.
 */

import { Cgroup } from "../../cgroup/mod.ts";
import { ContainerError } from "../../spec/errors.ts";
import { type Entry, isAlive, type Store } from "../store/store.ts";
import { begin, decideDetached, nextDelay } from "./begin.ts";
import { endOf } from "./exit_record.ts";
import { type DailyRecord, FIRST_DELAY } from "../store/daily_record.ts";
import { takeAway } from "./remove.ts";
import { endKeeper } from "./stop.ts";
import { hasFront, restarts } from "./view.ts";

/** A container that ran so long was well, in milliseconds. */
const WELL = 10_000;

/** Starts a container that has ended; one that runs is fine. */
export async function startAgain(store: Store, id: string): Promise<void> {
  using entry = await store.openWhenFree(id);
  if (isAlive(entry.record)) return;
  endKeeper(entry);
  await beginAgain(store, entry, {
    restarts: 0,
    delay: FIRST_DELAY,
    stopping: false,
    detached: true,
  });
}

async function beginAgain(
  store: Store,
  entry: Entry,
  changes: Partial<DailyRecord>,
): Promise<void> {
  const { record } = entry;
  const { daily, cgroup } = record;
  if (!daily) {
    throw new ContainerError(
      `cannot start a container that has stopped: ${record.id}`,
      { hint: "Delete it, and create it anew." },
    );
  }
  if (cgroup) new Cgroup(cgroup).remove();
  const { problem: _gone, ...rest } = daily;
  const again = { ...rest, ...changes };
  entry.save({ ...record, cgroup: null, daily: again });
  try {
    await begin(store, entry, await decideDetached(record.id, again));
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    entry.save({
      ...entry.record,
      daily: { ...again, problem, stopping: true },
    });
    throw error;
  }
}

/**
 * What a keeper has to have done when its container has ended, in the process
 * that was the keeper: the container goes, or starts again.
 */
export async function seeToEnd(store: Store, id: string): Promise<void> {
  using entry = store.find(id);
  if (!entry) return;
  const { daily } = entry.record;
  // Somebody else has started it again, or removes it.
  if (daily?.keeper?.pid !== Deno.pid || isAlive(entry.record)) return;
  if (daily.autoRemove) {
    if (hasFront(entry.record)) return;
    return await takeAwayAsKeeper(store, entry);
  }
  const end = endOf(entry.path, entry.record);
  if (!restarts(daily, end)) return;
  const ran = Date.parse(end!.finished) - Date.parse(daily.started ?? "");
  await beginAgain(store, entry, {
    restarts: daily.restarts + 1,
    delay: ran >= WELL ? FIRST_DELAY : nextDelay(daily.delay),
  });
}

async function takeAwayAsKeeper(store: Store, entry: Entry): Promise<void> {
  const { record } = entry;
  // It is us: nobody is to kill it.
  entry.record = { ...record, daily: { ...record.daily!, keeper: null } };
  await takeAway(store, entry);
}

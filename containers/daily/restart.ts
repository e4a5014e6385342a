/**
 * Starts a container again: on a user's request, or by its restart policy. Runs
 * on the host, in the process of the command; for a policy, that is the command
 * that the keeper has executed in its own process.
 */

import { ContainerError } from "../../spec/errors.ts";
import { takeBackHost, takeBackNetworks } from "../store/entry_ledger.ts";
import { type Entry, isAlive, type Store } from "../store/store.ts";
import { begin, decideDetached, nextDelay } from "./begin.ts";
import { endOf } from "./exit_record.ts";
import { type DailyRecord, FIRST_DELAY } from "../store/daily_record.ts";
import { killAndRemove } from "./remove.ts";
import { endKeeper } from "./stop.ts";
import { hasFront, restarts } from "./view.ts";

/** A run that lasts this long counts as successful, in milliseconds. */
const WELL = 10_000;

/** Starts a container that has ended. A running container is left alone. */
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
  const { daily } = record;
  if (!daily) {
    throw new ContainerError(
      `cannot start a container that has stopped: ${record.id}`,
      { hint: "Delete it and create it again." },
    );
  }
  takeBackHost(entry);
  const { problem: _gone, ...rest } = daily;
  const again = { ...rest, ...changes };
  entry.save({ ...entry.record, daily: again });
  try {
    const { id } = record;
    const decided = await decideDetached(store, id, again);
    await begin(store, entry, decided);
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
 * Does what follows a container's end: removes the container or starts it
 * again. Runs in the process that was the keeper.
 */
export async function handleEnd(store: Store, id: string): Promise<void> {
  using entry = store.find(id);
  if (!entry) return;
  const { daily } = entry.record;
  // Another command has started it again, or is removing it.
  if (daily?.keeper?.pid !== Deno.pid || isAlive(entry.record)) return;
  if (daily.autoRemove) {
    if (hasFront(entry.record)) return;
    return await removeAsKeeper(store, entry);
  }
  const end = endOf(entry.path, entry.record);
  if (!restarts(daily, end)) return takeBackNetworks(entry);
  const ran = Date.parse(end!.finished) - Date.parse(daily.started ?? "");
  await beginAgain(store, entry, {
    restarts: daily.restarts + 1,
    delay: ran >= WELL ? FIRST_DELAY : nextDelay(daily.delay),
  });
}

async function removeAsKeeper(store: Store, entry: Entry): Promise<void> {
  const { record } = entry;
  // This process is the keeper, and must not kill itself.
  entry.record = { ...record, daily: { ...record.daily!, keeper: null } };
  await killAndRemove(store, entry);
}

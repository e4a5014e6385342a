/** stop: a container's end, asked for first and then made. Runs on the host. */

import { Cgroup } from "../../cgroup/mod.ts";
import { SIGNAL } from "../../ffi/signal.ts";
import { ContainerError } from "../../spec/errors.ts";
import { endRest } from "../oci/end.ts";
import { type Entry, isAlive, sendSignal, type Store } from "../store/store.ts";
import { tellKeeper } from "./attachment.ts";
import { awaitEnd, awaitKeeper } from "./await_end.ts";
import { STOP_TIMEOUT } from "../store/daily_record.ts";
import { isKept } from "./view.ts";

/** How long a killed process may take to be gone, in milliseconds. */
const DEATH = 10_000;

/** What is different from what its container was made with. */
export interface StopOptions {
  /** Seconds from the signal to SIGKILL; below 0, it never comes. */
  timeout?: number;
  signal?: number;
}

/**
 * Stops a container; one that does not run is fine. No policy starts it again.
 * Nobody is kept waiting meanwhile: the lock is held for a moment only.
 *
 * @throws ContainerError where it does not end even of SIGKILL
 */
export async function stop(
  store: Store,
  id: string,
  { timeout, signal }: StopOptions = {},
): Promise<void> {
  const record = await askToStop(store, id, signal);
  const seconds = timeout ?? record.daily?.stopTimeout ?? STOP_TIMEOUT;
  const ended = await awaitEnd(record, seconds < 0 ? -1 : seconds * 1000);
  if (!ended) {
    sendSignal(record, SIGNAL.SIGKILL);
    if (!await awaitEnd(record, DEATH)) {
      throw new ContainerError(
        `Cannot stop ${id}: its process ${record.pid} does not end`,
        { hint: "It hangs in the kernel; see /proc/PID/stack." },
      );
    }
  }
  endRest(record);
  await awaitKeeper(record);
}

async function askToStop(store: Store, id: string, signal?: number) {
  using entry = await store.openWhenFree(id);
  noteStopping(entry);
  const { record } = entry;
  const { daily, cgroup } = record;
  if (!isAlive(record)) {
    endKeeper(entry);
    return record;
  }
  // Who is attached and reads nothing must not keep it from ending.
  if (daily?.detached) tellKeeper(entry.path, "s");
  sendSignal(record, signal ?? daily?.stopSignal ?? SIGNAL.SIGTERM);
  // What is frozen hears nothing.
  const frozen = cgroup && new Cgroup(cgroup);
  if (frozen?.isFrozen()) frozen.thaw();
  return record;
}

/** From here on no policy starts it again. */
export function noteStopping(entry: Entry): void {
  const { record } = entry;
  if (!record.daily || record.daily.stopping) return;
  // Nothing to write where none would, not even on a disk without room.
  if (record.daily.restart.name === "no") return;
  entry.save({ ...record, daily: { ...record.daily, stopping: true } });
}

/**
 * Ends a keeper whose container has ended: one that waits to start it again.
 * The command that it may have become waits for the lock that we have.
 */
export function endKeeper({ record }: Entry): void {
  const { daily } = record;
  if (daily?.detached && daily.keeper && isKept(record)) {
    sendSignal(daily.keeper, SIGNAL.SIGKILL);
  }
}

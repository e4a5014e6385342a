/**
 * stop: asks a container to end, and kills it if it does not. Runs on the host,
 * in the process of the command.
 */

import { Cgroup } from "../../cgroup/mod.ts";
import { SIGNAL } from "../../ffi/signal.ts";
import { ContainerError } from "../../spec/errors.ts";
import { endRest } from "../oci/end.ts";
import { type Entry, isAlive, sendSignal, type Store } from "../store/store.ts";
import { tellKeeper } from "./attachment.ts";
import { awaitEnd, awaitKeeper } from "./await_end.ts";
import { STOP_TIMEOUT } from "../store/daily_record.ts";
import { isKept } from "./view.ts";

/** The longest wait for a killed process to end, in milliseconds. */
const DEATH = 10_000;

/** Overrides of the container's own settings. */
export interface StopOptions {
  /** Seconds from the signal to SIGKILL; a negative number means never. */
  timeout?: number;
  signal?: number;
}

/**
 * Stops a container; no policy starts it again. A container that does not run
 * is left alone. The lock is held only for a moment, so no other command has to
 * wait.
 *
 * @throws {ContainerError} if it does not even end on SIGKILL
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
        { hint: "It is blocked in the kernel; see /proc/PID/stack." },
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
  // An attached command that does not read must not delay the end.
  if (daily?.detached) tellKeeper(entry.path, "s");
  sendSignal(record, signal ?? daily?.stopSignal ?? SIGNAL.SIGTERM);
  // A frozen process receives no signals.
  const frozen = cgroup && new Cgroup(cgroup);
  if (frozen?.isFrozen()) frozen.thaw();
  return record;
}

/** Records that no policy may start it again. */
export function noteStopping(entry: Entry): void {
  const { record } = entry;
  if (!record.daily || record.daily.stopping) return;
  // Without a policy there is nothing to record. This also works on a full
  // disk.
  if (record.daily.restart.name === "no") return;
  entry.save({ ...record, daily: { ...record.daily, stopping: true } });
}

/**
 * Ends the keeper of a container that has ended; it is waiting to restart it.
 * If the keeper has already become the restart command, that waits for the lock
 * that this process holds.
 */
export function endKeeper({ record }: Entry): void {
  const { daily } = record;
  if (daily?.detached && daily.keeper && isKept(record)) {
    sendSignal(daily.keeper, SIGNAL.SIGKILL);
  }
}

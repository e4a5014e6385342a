/**
 * rm: removes everything of a container. Runs on the host, in the process of
 * the command.
 */

import { SIGNAL } from "../../ffi/signal.ts";
import { ContainerError } from "../../spec/errors.ts";
import { takeBackHost } from "../store/entry_ledger.ts";
import { nameOf, stateVerb } from "../store/status.ts";
import { isFull } from "../store/record_file.ts";
import {
  type ContainerRecord,
  type Entry,
  isAlive,
  sendSignal,
  type Store,
} from "../store/store.ts";
import { awaitEnd } from "./await_end.ts";
import { forget } from "./dead.ts";
import { endOf } from "./exit_record.ts";
import { shortId } from "./names.ts";
import { endKeeper, noteStopping } from "./stop.ts";
import { collectImages } from "./store_uses.ts";
import { isKept, look } from "./view.ts";

/** The longest wait for a killed process to end, in milliseconds. */
const DEATH = 10_000;
/** The longest wait for its keeper to record that end, in milliseconds. */
const WRITING = 2000;

/**
 * Takes back what a container has changed on the host, and removes its name,
 * log and record; with `force` also its running process, with `volumes` also
 * its anonymous volumes, as always with `run --rm`.
 *
 * @throws {ContainerError} if it runs without `force`, and for a container of
 * `create`, because its engine still asks for it
 */
export async function removeContainer(
  store: Store,
  id: string,
  { force = false, volumes = false }: { force?: boolean; volumes?: boolean } =
    {},
): Promise<void> {
  using entry = await store.openWhenFree(id);
  requireOwn(entry.record, "remove", `\`container delete ${id}\` removes it.`);
  if (!force && isAlive(entry.record)) {
    const status = look(store, id)?.status ?? "running";
    throw new ContainerError(
      `Cannot remove ${nameOf(entry.record)}: it ${stateVerb(status)}`,
      { hint: "Stop it first, or kill and remove it with rm --force." },
    );
  }
  const { autoRemove } = entry.record.daily!;
  await killAndRemove(store, entry, { volumes: volumes || autoRemove });
}

/**
 * Refuses a container of `create`: only the engine or user that called `create`
 * decides about it.
 *
 * @param hint how the user can do it anyway
 * @throws {ContainerError}
 */
export function requireOwn(
  { id, daily }: ContainerRecord,
  action: string,
  hint: string,
): void {
  if (daily) return;
  throw new ContainerError(
    `Cannot ${action} ${id}: it was created by \`create\` and belongs to its engine`,
    { hint },
  );
}

/**
 * Kills and removes a container, by default with its anonymous volumes. The
 * caller has locked its entry.
 */
export async function killAndRemove(
  store: Store,
  entry: Entry,
  { volumes = true }: { volumes?: boolean } = {},
): Promise<void> {
  try {
    noteStopping(entry);
  } catch (error) {
    if (!isFull(error)) throw error;
    // The keeper would restart it and cannot be told otherwise. It has no other
    // work.
    endKeeper(entry);
  }
  await killFirst(entry);
  endKeeper(entry);
  takeBackHost(entry);
  forget(store, entry, { volumes });
  if (entry.record.daily) await collectImages(entry.record.daily);
}

/** Kills the first process, and with it all processes in its PID namespace. */
async function killFirst({ path, record }: Entry): Promise<void> {
  if (!isAlive(record)) return;
  sendSignal(record, SIGNAL.SIGKILL);
  if (!await awaitEnd(record, DEATH)) {
    throw new ContainerError(
      `Cannot remove ${
        shortId(record.id)
      }: its process ${record.pid} does not end`,
      { hint: "It is blocked in the kernel; see /proc/PID/stack." },
    );
  }
  // The directory cannot be removed while the keeper still writes into it.
  const end = performance.now() + WRITING;
  while (
    isKept(record) && endOf(path, record) === null && performance.now() < end
  ) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** rm: all that there is of a container goes. Runs on the host. */

import { Cgroup } from "../../cgroup/mod.ts";
import { SIGNAL } from "../../ffi/signal.ts";
import { ContainerError } from "../../spec/errors.ts";
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
import { isKept, look } from "./view.ts";

/** How long a killed process may take to be gone, in milliseconds. */
const DEATH = 10_000;
/** How long its keeper may take to write that down. */
const WRITING = 2000;

/**
 * Removes a container: its process where `force` says so, cgroup, name, log and
 * record.
 *
 * @throws ContainerError where it runs and is not to be killed, and for one that
 * `create` made: its engine still asks for it
 */
export async function removeContainer(
  store: Store,
  id: string,
  { force = false }: { force?: boolean } = {},
): Promise<void> {
  using entry = await store.openWhenFree(id);
  requireOwn(entry.record, "remove", `\`container delete ${id}\` removes it.`);
  if (!force && isAlive(entry.record)) {
    const { record: { daily } } = entry;
    const status = look(store, id)?.status ?? "running";
    throw new ContainerError(
      `Cannot remove ${daily?.name ?? shortId(id)}: it is ${status}`,
      { hint: "Stop it first, or kill and remove it with rm --force." },
    );
  }
  await takeAway(store, entry);
}

/**
 * Refuses a container that `create` made: what is done with it is for the engine
 * that asked for it, or whoever called `create` by hand, to say.
 *
 * @param hint what does it all the same
 */
export function requireOwn(
  { id, daily }: ContainerRecord,
  action: string,
  hint: string,
): void {
  if (daily) return;
  throw new ContainerError(
    `Cannot ${action} ${id}: \`create\` made it, and it belongs to its engine`,
    { hint },
  );
}

/** The same of one that is locked already, whatever it is doing. */
export async function takeAway(store: Store, entry: Entry): Promise<void> {
  const { record } = entry;
  try {
    noteStopping(entry);
  } catch (error) {
    if (!isFull(error)) throw error;
    // Who would start it again cannot be told, and has nothing else to do.
    endKeeper(entry);
  }
  await killFirst(entry);
  endKeeper(entry);
  if (record.cgroup) new Cgroup(record.cgroup).remove();
  forget(store, entry);
}

/** Kills its first process, and with it all that are in its PID namespace. */
async function killFirst({ path, record }: Entry): Promise<void> {
  if (!isAlive(record)) return;
  sendSignal(record, SIGNAL.SIGKILL);
  if (!await awaitEnd(record, DEATH)) {
    throw new ContainerError(
      `Cannot remove ${
        shortId(record.id)
      }: its process ${record.pid} does not end`,
      { hint: "It hangs in the kernel; see /proc/PID/stack." },
    );
  }
  // A keeper that writes into a directory would keep it from being removed.
  const end = performance.now() + WRITING;
  while (
    isKept(record) && endOf(path, record) === null && performance.now() < end
  ) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/**
 * Removes abandoned containers of `--rm`: their keeper, or their foreground
 * command, was killed before it could remove them. Every command that finds one
 * removes it. Runs on the host, in that command's process.
 */

import { Descriptor } from "../../ffi/fcntl.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import { POLL, poll } from "../../ffi/poll.ts";
import { takeBackHost } from "../store/entry_ledger.ts";
import {
  type ContainerRecord,
  type Entry,
  isAlive,
  type Store,
} from "../store/store.ts";
import { dropName } from "./name_links.ts";
import { forgetUses } from "./store_uses.ts";
import { hasFront, isKept } from "./view.ts";

/**
 * The longest wait for such a container to end after its command, in
 * milliseconds.
 */
const DYING = 2000;

/**
 * Removes the record and name of a container that has nothing else left.
 *
 * @param options.volumes also its anonymous volumes
 */
export function forget(
  store: Store,
  entry: Entry,
  { volumes = true }: { volumes?: boolean } = {},
): void {
  const { id, daily } = entry.record;
  // First: if it fails, the container is still there for the next try.
  if (daily) forgetUses(entry.record, daily, { volumes });
  if (daily) dropName(store, daily.name, id);
  entry.remove();
}

/**
 * Removes one container if it is abandoned.
 *
 * @returns whether no container has this id now
 */
export function clearDead(store: Store, id: string): boolean {
  const record = store.peek(id);
  if (!record || !isAbandoned(record) || !hasEnded(record)) return false;
  // The command that holds the lock is starting or removing it.
  using entry = store.tryFind(id);
  if (!entry) return !store.has(id);
  if (!isAbandoned(entry.record) || isAlive(entry.record)) return false;
  takeBackHost(entry);
  forget(store, entry);
  return true;
}

/** Removes all abandoned containers. It costs reading every record. */
export function clearAllDead(store: Store): void {
  for (const id of store.ids()) clearDead(store, id);
}

const isAbandoned = (record: ContainerRecord): boolean =>
  record.daily?.autoRemove === true && !isKept(record) && !hasFront(record);

/**
 * The kernel kills the container together with the foreground command, but that
 * takes a moment.
 */
function hasEnded(record: ContainerRecord): boolean {
  if (!isAlive(record)) return true;
  if (record.daily?.detached) return false;
  const fd = rawSyscall("pidfd_open", record.pid, 0);
  if (fd >= 0) {
    using process = new Descriptor(fd);
    if (isAlive(record)) poll(process.fd, POLL.POLLIN, DYING);
  }
  return !isAlive(record);
}

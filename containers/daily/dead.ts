/**
 * Containers that were to go with their end (`--rm`), and whose keeper, or the
 * command that ran them, was killed before it could see to that. Whoever meets
 * one clears it away. Runs on the host.
 */

import { Cgroup } from "../../cgroup/mod.ts";
import { Descriptor } from "../../ffi/fcntl.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import { POLL, poll } from "../../ffi/poll.ts";
import {
  type ContainerRecord,
  type Entry,
  isAlive,
  type Store,
} from "../store/store.ts";
import { dropName } from "./name_links.ts";
import { hasFront, isKept } from "./view.ts";

/** How long one may take to end after the command that ran it, in milliseconds. */
const DYING = 2000;

/** Forgets a container that has nothing any more but its record. */
export function forget(store: Store, entry: Entry): void {
  const { id, daily } = entry.record;
  if (daily) dropName(store, daily.name, id);
  entry.remove();
}

/**
 * Removes one container if it is such a one.
 *
 * @returns whether there is none of this id now
 */
export function clearDead(store: Store, id: string): boolean {
  const record = store.peek(id);
  if (!record || !isAbandoned(record) || !hasEnded(record)) return false;
  // Who has its lock starts it, or removes it.
  using entry = store.tryFind(id);
  if (!entry) return !store.has(id);
  if (!isAbandoned(entry.record) || isAlive(entry.record)) return false;
  const { cgroup } = entry.record;
  if (cgroup) new Cgroup(cgroup).remove();
  forget(store, entry);
  return true;
}

/** Removes all of them. Costs a look at what is recorded. */
export function clearAllDead(store: Store): void {
  for (const id of store.ids()) clearDead(store, id);
}

const isAbandoned = (record: ContainerRecord): boolean =>
  record.daily?.autoRemove === true && !isKept(record) && !hasFront(record);

/** What the kernel kills with the command that ran it takes a moment to die. */
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

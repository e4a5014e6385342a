/** kill and delete: how a container ends. Runs on the host. */

import { Cgroup } from "../../cgroup/mod.ts";
import { kill, SIGNAL } from "../../ffi/signal.ts";
import { ContainerError } from "../../spec/errors.ts";
import { tryPoststop, type Warn } from "./hooks.ts";
import { membersOf } from "./members.ts";
import { stateOf, statusOf } from "./status.ts";
import { type Entry, sendSignal, type Store } from "./store.ts";

/** How long a killed process may take to be gone, in milliseconds. */
const DEATH = 10_000;

/** Sends a signal to its first process, or with `all` to every process it has. */
export function signal(
  store: Store,
  id: string,
  number: number,
  { all = false } = {},
): void {
  using entry = store.look(id);
  const { cgroup } = entry.record;
  const status = statusOf(entry);
  if (all) {
    for (const each of membersOf(entry)) kill(each, number);
  } else if (
    status === "stopped" || status === "creating" ||
    !sendSignal(entry.record, number)
  ) {
    throw new ContainerError(`container not running: ${id}`);
  }
  // On v1 a process that is frozen dies when it thaws, and engines count on it
  // to die.
  if (status === "paused" && number === SIGNAL.SIGKILL && cgroup) {
    new Cgroup(cgroup).thaw();
  }
}

/** Takes a container that has stopped away, with `force` any. */
export async function remove(
  store: Store,
  id: string,
  { force = false, warn }: { force?: boolean; warn: Warn },
): Promise<void> {
  if (force && store.discard(id)) return;
  using entry = force ? store.find(id) : store.open(id);
  if (!entry) return;
  const status = statusOf(entry);
  if (status !== "stopped") {
    if (!force && status !== "created") {
      throw new ContainerError(
        `cannot delete container ${id} that is not stopped: ${status}`,
        { hint: "Kill it first, or use --force." },
      );
    }
    await end(entry);
  }
  await clear(entry, warn);
}

/**
 * Ends a container of which a part has failed, and takes it away: runtime-spec,
 * "Lifecycle", from step 12.
 */
export async function destroy(entry: Entry, warn: Warn): Promise<void> {
  await end(entry);
  await clear(entry, warn);
}

async function clear(entry: Entry, warn: Warn): Promise<void> {
  const { cgroup, rdt, spec } = entry.record;
  if (cgroup) {
    new Cgroup(cgroup).remove();
  }
  if (rdt) (await import("./intel_rdt.ts")).leaveClass(rdt);
  const state = { ...stateOf(entry), status: "stopped" as const, pid: 0 };
  entry.remove();
  await tryPoststop(spec, state, warn);
}

async function end(entry: Entry): Promise<void> {
  const { pid, cgroup } = entry.record;
  if (cgroup && statusOf(entry) === "paused") {
    sendSignal(entry.record, SIGNAL.SIGKILL);
    new Cgroup(cgroup).thaw();
  }
  const patience = performance.now() + DEATH;
  while (entry.isAlive()) {
    sendSignal(entry.record, SIGNAL.SIGKILL);
    if (performance.now() > patience) {
      throw new ContainerError(
        `Cannot delete ${entry.record.id}: its process ${pid} does not end`,
        { hint: "It hangs in the kernel; see /proc/PID/stack." },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

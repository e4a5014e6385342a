/** kill and delete: how a container ends. Runs on the host. */

import { Cgroup } from "../../cgroup/mod.ts";
import { kill, SIGNAL } from "../../ffi/signal.ts";
import { ContainerError } from "../../spec/errors.ts";
import type { Spec } from "../../spec/types.ts";
import { tryPoststop, type Warn } from "./hooks/hooks.ts";
import { membersOf } from "./members.ts";
import { stateOf, statusOf } from "../store/status.ts";
import {
  type ContainerRecord,
  type Entry,
  sendSignal,
  type Store,
} from "../store/store.ts";

/** How long a killed process may take to be gone, in milliseconds. */
const DEATH = 10_000;

/** Ends a program that does not expect it. */
const ENDING: readonly number[] = [
  SIGNAL.SIGHUP,
  SIGNAL.SIGINT,
  SIGNAL.SIGQUIT,
  SIGNAL.SIGTERM,
];

/**
 * Whether its processes end with the first one, pid_namespaces(7); one that
 * joined a PID namespace is not the first there.
 */
export const ownsProcesses = ({ linux }: Spec): boolean =>
  linux.namespaces.some(({ type, path }) =>
    type === "pid" && path === undefined
  );

const sharesHosts = ({ linux }: Spec) =>
  !linux.namespaces.some(({ type }) => type === "pid");

/** Ends what is left of a container whose processes do not end with the first one. */
export function endRest(
  { cgroup, spec }: Pick<ContainerRecord, "cgroup" | "spec">,
): void {
  if (cgroup && !ownsProcesses(spec)) new Cgroup(cgroup).kill();
}

/** Sends a signal to its first process, or with `all` to every process it has. */
export function signal(
  store: Store,
  id: string,
  number: number,
  { all = false } = {},
): void {
  using entry = store.look(id);
  const { cgroup, spec } = entry.record;
  const status = statusOf(entry);
  const group = cgroup?.groups.length ? new Cgroup(cgroup) : null;
  const kills = number === SIGNAL.SIGKILL && status !== "creating";
  if (kills && group && !ownsProcesses(spec)) {
    if (!all && status === "stopped" && !group.pids().length) throw ended(id);
    // One after the other would leave what is born meanwhile.
    return group.kill();
  }
  // In the host's namespace these are the first one and what descends from it.
  if (all || kills && status !== "stopped" && sharesHosts(spec)) {
    for (const each of membersOf(entry)) kill(each, number);
  } else if (
    status === "stopped" || status === "creating" ||
    !sendSignal(entry.record, number)
  ) {
    throw ended(id);
  }
  // The kernel keeps from the first process of a PID namespace what it has no
  // handler for. What waits to be started has none, and its command never runs.
  if (status === "created" && ENDING.includes(number)) {
    sendSignal(entry.record, SIGNAL.SIGKILL);
  }
  // On v1 a process that is frozen dies when it thaws, and engines count on it
  // to die.
  if (status === "paused" && number === SIGNAL.SIGKILL && group) group.thaw();
}

const ended = (id: string) =>
  new ContainerError(`container not running: ${id}`);

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

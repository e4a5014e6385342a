/**
 * kill and delete: the end of a container. Runs on the host, in these commands,
 * or in the one that removes a container after a failure.
 */

import { Cgroup } from "../../cgroup/mod.ts";
import { ENDING, kill, SIGNAL } from "../../ffi/signal.ts";
import { ContainerError } from "../../spec/errors.ts";
import type { Spec } from "../../spec/types.ts";
import { tryPoststop, type Warn } from "./hooks/hooks.ts";
import { membersOf } from "./members.ts";
import { takeBackHost } from "../store/entry_ledger.ts";
import { nameOf, stateOf, statusOf } from "../store/status.ts";
import {
  type ContainerRecord,
  type Entry,
  sendSignal,
  type Store,
} from "../store/store.ts";

/** The longest wait for a killed process to end, in milliseconds. */
const DEATH = 10_000;

/**
 * Whether all processes of the container end with the first one,
 * pid_namespaces(7). They do not if the container joined a PID namespace,
 * because its process is not the first one there.
 */
export const ownsProcesses = ({ linux }: Spec): boolean =>
  linux.namespaces.some(({ type, path }) =>
    type === "pid" && path === undefined
  );

const sharesHosts = ({ linux }: Spec) =>
  !linux.namespaces.some(({ type }) => type === "pid");

/**
 * Kills the processes that remain after the first one, if they do not end with
 * it.
 */
export function endRest(
  { cgroup, spec }: Pick<ContainerRecord, "cgroup" | "spec">,
): void {
  if (cgroup && !ownsProcesses(spec)) new Cgroup(cgroup).kill();
}

/**
 * Sends a signal to the first process, or with `all` to every process.
 *
 * @throws {ContainerError} if the container does not run
 */
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
    if (!all && status === "stopped" && !group.pids().length) {
      throw ended(entry);
    }
    // Killing the processes one by one would miss those that are forked
    // meanwhile.
    return group.kill();
  }
  // In the host's PID namespace these are the first process and its
  // descendants.
  if (all || kills && status !== "stopped" && sharesHosts(spec)) {
    for (const each of membersOf(entry)) kill(each, number);
  } else if (
    status === "stopped" || status === "creating" ||
    !sendSignal(entry.record, number)
  ) {
    throw ended(entry);
  }
  // The kernel does not deliver signals without a handler to the first process
  // of a PID namespace. A process that waits for `start` has no handlers, and
  // its command will never run.
  if (status === "created" && ENDING.includes(number)) {
    sendSignal(entry.record, SIGNAL.SIGKILL);
  }
  // On v1 a frozen process dies only after a thaw, and engines expect it to
  // die.
  if (status === "paused" && number === SIGNAL.SIGKILL && group) group.thaw();
}

const ended = ({ record }: Entry) =>
  new ContainerError(`container not running: ${nameOf(record)}`);

/**
 * Removes a stopped container; with `force`, any container.
 *
 * @throws {ContainerError} if it is not stopped
 */
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
        { hint: "Kill it first or use --force." },
      );
    }
    await end(entry);
  }
  await clear(entry, warn);
}

/**
 * Ends and removes a container after a failure: runtime-spec, "Lifecycle", from
 * step 12.
 */
export async function destroy(entry: Entry, warn: Warn): Promise<void> {
  await end(entry);
  await clear(entry, warn);
}

async function clear(entry: Entry, warn: Warn): Promise<void> {
  const { spec } = entry.record;
  takeBackHost(entry);
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
        { hint: "It is blocked in the kernel; see /proc/PID/stack." },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/**
 * What can be seen of a container without taking its lock. Runs on the host, in
 * the process of the command; reads and changes nothing.
 */

import { Cgroup } from "../../cgroup/mod.ts";
import { type ContainerRecord, isAlive, type Store } from "../store/store.ts";
import { endOf } from "./exit_record.ts";
import type { DailyRecord, End } from "../store/daily_record.ts";

/** A container's status, in docker's words. */
export type DailyStatus =
  | "created"
  | "running"
  | "paused"
  | "restarting"
  | "exited";

/** A container as `ps` and `inspect` show it. */
export interface View {
  record: ContainerRecord;
  /** Its name, or its id if it has none. */
  name: string;
  status: DailyStatus;
  /** How it ended; null if that is unknown, or it has not ended. */
  end: End | null;
  /**
   * The kernel has killed a process of the container because memory ran out.
   */
  outOfMemory: boolean;
}

const FIFO = "start.fifo";

function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Whether the process that waits for the container's end is alive. */
export const isKept = ({ daily, boot }: ContainerRecord): boolean =>
  Boolean(daily?.keeper && isAlive({ ...daily.keeper, boot }));

/**
 * Whether the command that started it is still attached. That command removes
 * it.
 */
export const hasFront = ({ daily, boot }: ContainerRecord): boolean =>
  Boolean(daily?.front && isAlive({ ...daily.front, boot }));

/** Whether its policy starts it again after this end. */
export function restarts(
  { restart: { name, maximum }, stopping, restarts }: DailyRecord,
  end: End | null,
): boolean {
  if (stopping || !end) return false;
  if (name === "on-failure") {
    return end.code !== 0 && (maximum === 0 || restarts < maximum);
  }
  return name !== "no";
}

function statusOf(
  directory: string,
  record: ContainerRecord,
  end: End | null,
): DailyStatus {
  const { daily, cgroup } = record;
  if (isAlive(record)) {
    if (isThere(`${directory}/${FIFO}`)) return "created";
    return cgroup && new Cgroup(cgroup).isFrozen() ? "paused" : "running";
  }
  if (daily && restarts(daily, end) && isKept(record)) return "restarting";
  return end === null && (record.pid === 0 || daily?.started === null)
    ? "created"
    : "exited";
}

/** The view of a container; null if it does not exist. */
export function look(store: Store, id: string): View | null {
  const record = store.peek(id);
  if (!record) return null;
  const directory = `${store.root}/${id}`;
  const end = endOf(directory, record);
  return {
    record,
    name: record.daily?.name ?? id,
    status: statusOf(directory, record, end),
    end,
    outOfMemory: record.cgroup ? wasOutOfMemory(record.cgroup) : false,
  };
}

function wasOutOfMemory(cgroup: NonNullable<ContainerRecord["cgroup"]>) {
  const counts = cgroup.groups.some(({ controllers }) =>
    controllers.includes("memory")
  );
  return counts && new Cgroup(cgroup).oomKilled();
}

/** The views of all containers, newest first. */
export function lookAtAll(store: Store): View[] {
  return store.ids().flatMap((id) => look(store, id) ?? [])
    .sort((a, b) => b.record.created.localeCompare(a.record.created));
}

/**
 * What there is to be seen of a container, without waiting for whoever changes
 * it. Runs on the host; reads and changes nothing.
 */

import { Cgroup } from "../../cgroup/mod.ts";
import { type ContainerRecord, isAlive, type Store } from "../store/store.ts";
import { endOf } from "./exit_record.ts";
import type { DailyRecord, End } from "../store/daily_record.ts";

/** What it is doing, in docker's words. */
export type DailyStatus =
  | "created"
  | "running"
  | "paused"
  | "restarting"
  | "exited";

/** A container as `ps` and `inspect` have it. */
export interface View {
  record: ContainerRecord;
  /** Its name; the id where it has none. */
  name: string;
  status: DailyStatus;
  /** How it ended; null where that is not known, or has not come. */
  end: End | null;
  /** The kernel has killed a process of it for want of memory. */
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

/** Whether the one who waits for its end is there. */
export const isKept = ({ daily, boot }: ContainerRecord): boolean =>
  Boolean(daily?.keeper && isAlive({ ...daily.keeper, boot }));

/** Whether the command that started it is still attached, and takes it away. */
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

/** Looks at a container; null where there is none. */
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

/** Looks at all of them, the newest first. */
export function lookAtAll(store: Store): View[] {
  return store.ids().flatMap((id) => look(store, id) ?? [])
    .sort((a, b) => b.record.created.localeCompare(a.record.created));
}

/** What containers use, as stats shows it. Runs on the host; changes nothing. */

import { Cgroup } from "../../cgroup/mod.ts";
import type { Stats } from "../../cgroup/stats.ts";
import type { Store } from "../store/store.ts";
import { look, type View } from "./view.ts";

/** What a container uses at a moment; null where it runs no more, or has no cgroup. */
export interface Sample {
  view: View;
  /** Milliseconds, of a clock that is never set. */
  at: number;
  stats: Stats;
}

/** Looks at what one uses. */
export function sample(store: Store, id: string): Sample | null {
  const view = look(store, id);
  const runs = view?.status === "running" || view?.status === "paused";
  if (!view?.record.cgroup || !runs) return null;
  return {
    view,
    at: performance.now(),
    stats: new Cgroup(view.record.cgroup).stats(),
  };
}

/** What a container uses, in numbers. */
export interface Usage {
  id: string;
  name: string;
  /** Of one processor: 200 is two of them. Null before there are two looks. */
  cpuPercent: number | null;
  memory: number | null;
  /** Null is none. */
  memoryLimit: number | null;
  memoryPercent: number | null;
  processes: number | null;
  readBytes: number | null;
  writeBytes: number | null;
}

/** What it uses now, by two looks at it. */
export function usageBetween(
  before: Sample | null,
  { view, at, stats }: Sample,
  total: number,
): Usage {
  const { cpu, memory, pids, io } = stats;
  const used = before?.stats.cpu && cpu
    ? cpu.usage - before.stats.cpu.usage
    : null;
  const sum = (part: "readBytes" | "writeBytes") =>
    io ? io.reduce((all, device) => all + device[part], 0) : null;
  return {
    id: view.record.id,
    name: view.name,
    cpuPercent: used === null || !before
      ? null
      : Math.max(0, used / ((at - before.at) * 1000) * 100),
    memory: memory?.current ?? null,
    memoryLimit: memory?.limit ?? null,
    memoryPercent: memory
      ? memory.current / (memory.limit ?? total) * 100
      : null,
    processes: pids?.current ?? null,
    readBytes: sum("readBytes"),
    writeBytes: sum("writeBytes"),
  };
}

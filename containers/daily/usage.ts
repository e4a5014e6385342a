/**
 * The resource use of containers, as stats shows it. Runs on the host, in the
 * process of the command; changes nothing.
 */

import { Cgroup } from "../../cgroup/mod.ts";
import type { Stats } from "../../cgroup/stats.ts";
import type { Store } from "../store/store.ts";
import { look, type View } from "./view.ts";

/** A container's resource use at one moment. */
export interface Sample {
  view: View;
  /** Milliseconds, on a monotonic clock. */
  at: number;
  stats: Stats;
  /** What it has received and sent; null if it shares the host's network. */
  network: Traffic | null;
}

/** Bytes of all network devices but loopback. */
interface Traffic {
  received: number;
  sent: number;
}

/** Measures one container; null if it does not run, or has no cgroup. */
export function sample(store: Store, id: string): Sample | null {
  const view = look(store, id);
  const runs = view?.status === "running" || view?.status === "paused";
  if (!view?.record.cgroup || !runs) return null;
  return {
    view,
    at: performance.now(),
    stats: new Cgroup(view.record.cgroup).stats(),
    network: trafficOf(view.record.pid),
  };
}

/** Reads /proc/PID/net/dev, proc_pid_net(5). */
function trafficOf(pid: number): Traffic | null {
  try {
    const namespace = (of: number | "self") =>
      Deno.readLinkSync(`/proc/${of}/ns/net`);
    if (namespace(pid) === namespace("self")) return null;
    const lines = Deno.readTextFileSync(`/proc/${pid}/net/dev`).split("\n");
    const traffic = { received: 0, sent: 0 };
    for (const line of lines) {
      const [, name, rest = ""] = /^\s*(\S+):\s*(.*)$/.exec(line) ?? [];
      if (name === undefined || name === "lo") continue;
      const numbers = rest.split(/\s+/).map(Number);
      traffic.received += numbers[0] ?? 0;
      traffic.sent += numbers[8] ?? 0;
    }
    return traffic;
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.PermissionDenied
    ) return null;
    throw error;
  }
}

/** A container's resource use in numbers. */
export interface Usage {
  id: string;
  name: string;
  /**
   * Percent of one CPU: 200 means two CPUs. Null before there are two samples.
   */
  cpuPercent: number | null;
  memory: number | null;
  /** Null if there is no limit. */
  memoryLimit: number | null;
  memoryPercent: number | null;
  processes: number | null;
  readBytes: number | null;
  writeBytes: number | null;
  /** Bytes from the network; null if the container shares the host's. */
  receivedBytes: number | null;
  /** Bytes to the network. */
  sentBytes: number | null;
}

/** The current use, from two samples. */
export function usageBetween(
  before: Sample | null,
  { view, at, stats, network }: Sample,
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
    receivedBytes: network?.received ?? null,
    sentBytes: network?.sent ?? null,
  };
}

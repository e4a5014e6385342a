/**
 * Reads the usage of a cgroup, in the same form for v1 and v2. The parsers are
 * pure; the reader runs on the host.
 *
 * @module
 */

import type { CgroupGroup } from "./step.ts";

/** The usage of a cgroup. A part is missing if its controller is not in use. */
export interface Stats {
  /** In bytes. The limit is null if there is none. */
  memory?: {
    current: number;
    /** Since the cgroup was made; Linux 5.19 on v2. */
    peak?: number;
    limit: number | null;
    /** The number of processes killed because memory ran out. */
    oomKills: number;
  };
  /** In microseconds. */
  cpu?: {
    usage: number;
    user?: number;
    system?: number;
    /**
     * With a quota: its periods, the periods in which it was used up, and the
     * time spent waiting.
     */
    periods?: number;
    throttledPeriods?: number;
    throttled?: number;
  };
  /** Processes and threads. */
  pids?: { current: number; limit: number | null };
  /** Per disk. */
  io?: DeviceStats[];
}

/** The activity of a disk. */
export interface DeviceStats {
  /** The major number of the disk. */
  major: number;
  /** The minor number of the disk. */
  minor: number;
  /** Bytes read. */
  readBytes: number;
  /** Bytes written. */
  writeBytes: number;
  /** Number of reads. */
  reads: number;
  /** Number of writes. */
  writes: number;
}

/** A v1 limit above this means no limit: it is the largest number of pages. */
const UNLIMITED = 2 ** 62;
const NANOSECONDS = 1000;
/**
 * A tick of USER_HZ, in microseconds; the same on all supported architectures.
 */
const TICK = 10_000;

/** Parses lines of a name and a number. */
export function parseFlat(text: string): Record<string, number> {
  return Object.fromEntries(
    text.split("\n").filter(Boolean).map((line) => {
      const [name = "", value] = line.split(" ");
      return [name, Number(value)];
    }),
  );
}

/** Parses a limit; null for "max" and v1's equivalent. */
export function parseLimit(text: string): number | null {
  const value = text.trim() === "max" ? Infinity : Number(text);
  return value >= UNLIMITED ? null : value;
}

/** Parses v2's io.stat: `8:0 rbytes=1 wbytes=2 rios=3 wios=4 …`. */
export function parseIoStat(text: string): DeviceStats[] {
  return text.split("\n").flatMap((line) => {
    const match = /^(\d+):(\d+) (.*)$/.exec(line);
    if (!match) return [];
    const words = parseFlat(
      match[3]!.replaceAll(" ", "\n").replaceAll("=", " "),
    );
    const { rbytes = 0, wbytes = 0, rios = 0, wios = 0 } = words;
    return [{
      major: Number(match[1]),
      minor: Number(match[2]),
      readBytes: rbytes,
      writeBytes: wbytes,
      reads: rios,
      writes: wios,
    }];
  });
}

/**
 * Parses v1's blkio.throttle.io_service_bytes and …io_serviced: `8:0 Read
 * 4096`.
 */
export function parseBlkio(bytes: string, operations: string): DeviceStats[] {
  const devices = new Map<string, DeviceStats>();
  const take = (
    text: string,
    read: "readBytes" | "reads",
    write: "writeBytes" | "writes",
  ) => {
    for (const line of text.split("\n")) {
      const match = /^(\d+):(\d+) (Read|Write) (\d+)$/.exec(line);
      if (!match) continue;
      const name = `${match[1]}:${match[2]}`;
      const device = devices.get(name) ?? {
        major: Number(match[1]),
        minor: Number(match[2]),
        readBytes: 0,
        writeBytes: 0,
        reads: 0,
        writes: 0,
      };
      devices.set(name, device);
      device[match[3] === "Read" ? read : write] = Number(match[4]);
    }
  };
  take(bytes, "readBytes", "writeBytes");
  take(operations, "reads", "writes");
  return [...devices.values()];
}

/** Returns the text of a file of a cgroup; null if there is none. */
export type ReadFile = (path: string) => string | null;

/** Reads the usage of a container's cgroups. */
export function readStats(
  groups: readonly CgroupGroup[],
  read: ReadFile,
): Stats {
  const of = (name: string, version: 1 | 2) =>
    groups.find((group) =>
      group.version === version && group.controllers.includes(name)
    )?.path;
  const stats: Stats = {};
  const memory = readMemory(of("memory", 1), of("memory", 2), read);
  if (memory) stats.memory = memory;
  const cpu = readCpu(
    { usage: of("cpuacct", 1), quota: of("cpu", 1) },
    groups.find(({ version }) => version === 2)?.path,
    read,
  );
  if (cpu) stats.cpu = cpu;
  const pids = of("pids", 1) ?? of("pids", 2);
  const current = pids && read(`${pids}/pids.current`);
  if (current) {
    stats.pids = {
      current: Number(current),
      limit: parseLimit(read(`${pids}/pids.max`) ?? "max"),
    };
  }
  const blkio = of("blkio", 1);
  const io = of("io", 2);
  if (blkio) {
    stats.io = parseBlkio(
      read(`${blkio}/blkio.throttle.io_service_bytes_recursive`) ?? "",
      read(`${blkio}/blkio.throttle.io_serviced_recursive`) ?? "",
    );
  } else if (io) stats.io = parseIoStat(read(`${io}/io.stat`) ?? "");
  return stats;
}

function readMemory(
  v1: string | undefined,
  v2: string | undefined,
  read: ReadFile,
): Stats["memory"] {
  const path = v1 ?? v2;
  if (path === undefined) return undefined;
  const [current, peak, limit, events] = v1
    ? [
      "memory.usage_in_bytes",
      "memory.max_usage_in_bytes",
      "memory.limit_in_bytes",
      "memory.oom_control",
    ]
    : ["memory.current", "memory.peak", "memory.max", "memory.events"];
  const used = read(`${path}/${current}`);
  if (used === null) return undefined;
  const most = read(`${path}/${peak}`);
  return {
    current: Number(used),
    ...(most === null ? {} : { peak: Number(most) }),
    limit: parseLimit(read(`${path}/${limit}`) ?? "max"),
    oomKills: parseFlat(read(`${path}/${events}`) ?? "").oom_kill ?? 0,
  };
}

function readCpu(
  v1: { usage?: string; quota?: string },
  v2: string | undefined,
  read: ReadFile,
): Stats["cpu"] {
  const quota = v1.quota && parseFlat(read(`${v1.quota}/cpu.stat`) ?? "");
  const periods = (flat: Record<string, number>, waited: number) =>
    flat.nr_periods === undefined ? {} : {
      periods: flat.nr_periods,
      throttledPeriods: flat.nr_throttled,
      throttled: waited,
    };
  if (v1.usage) {
    const { user = 0, system = 0 } = parseFlat(
      read(`${v1.usage}/cpuacct.stat`) ?? "",
    );
    return {
      usage: Math.floor(
        Number(read(`${v1.usage}/cpuacct.usage`) ?? 0) / NANOSECONDS,
      ),
      user: user * TICK,
      system: system * TICK,
      ...(quota
        ? periods(quota, (quota.throttled_time ?? 0) / NANOSECONDS)
        : {}),
    };
  }
  // Every v2 cgroup counts CPU time, even without the controller. In the hybrid
  // layout the quota's numbers are in v1's tree.
  const flat = v2 && parseFlat(read(`${v2}/cpu.stat`) ?? "");
  if (!flat || flat.usage_usec === undefined) return undefined;
  return {
    usage: flat.usage_usec,
    user: flat.user_usec,
    system: flat.system_usec,
    ...(quota
      ? periods(quota, (quota.throttled_time ?? 0) / NANOSECONDS)
      : periods(flat, flat.throttled_usec ?? 0)),
  };
}

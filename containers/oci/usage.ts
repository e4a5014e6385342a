/**
 * The resource use of a container in the format of `runc events`. Runs on the
 * host, in the events command.
 */

import {
  type DeviceStats,
  parseBlkio,
  parseFlat,
  parseIoStat,
  type ReadFile,
} from "../../cgroup/stats.ts";
import type { CgroupGroup } from "../../cgroup/step.ts";
import { expandList } from "../../spec/resources.ts";

/** The use of one kind of memory, in bytes. */
interface MemoryUsage {
  limit?: number;
  usage?: number;
  max?: number;
  failcnt: number;
}

/** The I/O of one disk in one direction. */
interface DiskEntry {
  major: number;
  minor: number;
  op: "Read" | "Write";
  value: number;
}

/** The `data` member of an event of the type `stats`. */
export interface Usage {
  /** Times in nanoseconds. */
  cpu: {
    usage: {
      total?: number;
      percpu?: number[];
      kernel: number;
      user: number;
    };
    throttling: {
      periods?: number;
      throttledPeriods?: number;
      throttledTime?: number;
    };
  };
  cpuset: { cpus?: number[]; mems?: number[] };
  memory: {
    cache?: number;
    usage?: MemoryUsage;
    swap?: MemoryUsage;
    kernel?: MemoryUsage;
    kernelTCP?: MemoryUsage;
    raw?: Record<string, number>;
  };
  pids: { current?: number; limit?: number };
  blkio: {
    ioServiceBytesRecursive?: DiskEntry[];
    ioServicedRecursive?: DiskEntry[];
  };
  hugetlb: Record<string, { usage: number; max?: number; failcnt: number }>;
  intel_rdt: Record<string, never>;
  network_interfaces: null;
}

/** Stands for "max": the largest value of the kernel's 64-bit counters. */
const NO_LIMIT = 2 ** 64;
const MICROSECOND = 1000;
/** USER_HZ, in nanoseconds. */
const TICK = 10_000_000;

/** Reads the use of a container's cgroups, of v1, v2 or both. */
export function readUsage(
  groups: readonly CgroupGroup[],
  read: ReadFile,
): Usage {
  const files = new Files(groups, read);
  return {
    cpu: { usage: cpuUsage(files), throttling: throttling(files) },
    cpuset: {
      cpus: files.list("cpuset", "cpuset.cpus", "cpuset.cpus.effective"),
      mems: files.list("cpuset", "cpuset.mems", "cpuset.mems.effective"),
    },
    memory: files.of("memory", 1)
      ? memoryV1(files)
      : files.of("memory", 2)
      ? memoryV2(files)
      : {},
    pids: {
      current: files.number("pids", "pids.current"),
      limit: finite(files.number("pids", "pids.max")),
    },
    blkio: disks(files),
    hugetlb: hugePages(files),
    intel_rdt: {},
    network_interfaces: null,
  };
}

/** The files of a container's cgroups, by controller. */
class Files {
  constructor(
    readonly groups: readonly CgroupGroup[],
    readonly read: ReadFile,
  ) {}

  of(controller: string, version: 1 | 2): string | undefined {
    return this.groups.find((group) =>
      group.version === version && group.controllers.includes(controller)
    )?.path;
  }

  text(controller: string, v1: string, v2 = v1): string | null {
    const one = this.of(controller, 1);
    if (one !== undefined) return this.read(`${one}/${v1}`);
    const two = this.of(controller, 2);
    return two === undefined ? null : this.read(`${two}/${v2}`);
  }

  number(controller: string, v1: string, v2 = v1): number | undefined {
    const text = this.text(controller, v1, v2)?.trim();
    if (!text) return undefined;
    return text === "max" ? NO_LIMIT : Number(text);
  }

  flat(controller: string, v1: string, v2 = v1): Record<string, number> {
    return parseFlat(this.text(controller, v1, v2) ?? "");
  }

  list(controller: string, v1: string, v2: string): number[] | undefined {
    const text = this.text(controller, v1, v2)?.trim();
    return text ? expandList(text) ?? undefined : undefined;
  }
}

const finite = (value: number | undefined) =>
  value === NO_LIMIT ? undefined : value;

function cpuUsage(files: Files): Usage["cpu"]["usage"] {
  if (files.of("cpuacct", 1) !== undefined) {
    const { user = 0, system = 0 } = files.flat("cpuacct", "cpuacct.stat");
    return {
      total: files.number("cpuacct", "cpuacct.usage"),
      percpu: files.text("cpuacct", "cpuacct.usage_percpu")?.trim()
        .split(/\s+/).map(Number),
      kernel: system * TICK,
      user: user * TICK,
    };
  }
  // Every v2 cgroup has cpu.stat, even without the cpu controller.
  const unified = files.groups.find(({ version }) => version === 2);
  const { usage_usec, user_usec = 0, system_usec = 0 } = parseFlat(
    unified && files.read(`${unified.path}/cpu.stat`) || "",
  );
  return {
    total: usage_usec === undefined ? undefined : usage_usec * MICROSECOND,
    kernel: system_usec * MICROSECOND,
    user: user_usec * MICROSECOND,
  };
}

function throttling(files: Files): Usage["cpu"]["throttling"] {
  const flat = files.flat("cpu", "cpu.stat");
  return {
    periods: flat.nr_periods,
    throttledPeriods: flat.nr_throttled,
    throttledTime: flat.throttled_time ??
      (flat.throttled_usec === undefined
        ? undefined
        : flat.throttled_usec * MICROSECOND),
  };
}

function memoryV1(files: Files): Usage["memory"] {
  const raw = files.flat("memory", "memory.stat");
  const kind = (infix: string): MemoryUsage | undefined => {
    const value = (name: string) =>
      files.number("memory", `memory.${infix}${name}`);
    const usage = value("usage_in_bytes");
    return usage === undefined ? undefined : {
      limit: value("limit_in_bytes"),
      usage,
      max: value("max_usage_in_bytes"),
      failcnt: value("failcnt") ?? 0,
    };
  };
  return {
    cache: raw.cache,
    usage: kind(""),
    swap: kind("memsw."),
    kernel: kind("kmem."),
    kernelTCP: kind("kmem.tcp."),
    raw,
  };
}

function memoryV2(files: Files): Usage["memory"] {
  const raw = files.flat("memory", "memory.stat");
  const number = (name: string) => files.number("memory", `memory.${name}`);
  const used = number("current");
  const swapped = number("swap.current");
  const limit = number("max");
  const swapLimit = number("swap.max");
  const sum = (a?: number, b?: number) =>
    a === undefined || b === undefined ? undefined : a + b;
  return {
    cache: raw.file,
    usage: {
      limit,
      usage: used,
      max: number("peak"),
      failcnt: files.flat("memory", "memory.events").max ?? 0,
    },
    // As on v1: memory and swap together.
    swap: {
      limit: swapLimit === NO_LIMIT ? NO_LIMIT : sum(limit, swapLimit),
      usage: sum(used, swapped),
      failcnt: files.flat("memory", "memory.swap.events").max ?? 0,
    },
    raw,
  };
}

function disks(files: Files): Usage["blkio"] {
  const throttle = "blkio.throttle.io_";
  const all = files.of("blkio", 1) === undefined
    ? parseIoStat(files.text("io", "io.stat") ?? "")
    : parseBlkio(
      files.text("blkio", `${throttle}service_bytes_recursive`) ?? "",
      files.text("blkio", `${throttle}serviced_recursive`) ?? "",
    );
  if (!all.length) return {};
  const entries = (read: keyof DeviceStats, write: keyof DeviceStats) =>
    all.flatMap((disk): DiskEntry[] => {
      const { major, minor } = disk;
      return [
        { major, minor, op: "Read", value: disk[read] },
        { major, minor, op: "Write", value: disk[write] },
      ];
    });
  return {
    ioServiceBytesRecursive: entries("readBytes", "writeBytes"),
    ioServicedRecursive: entries("reads", "writes"),
  };
}

const PAGE_SIZES = ["64KB", "2MB", "32MB", "512MB", "1GB", "16GB"];

function hugePages(files: Files): Usage["hugetlb"] {
  const found: Usage["hugetlb"] = {};
  for (const size of PAGE_SIZES) {
    const name = `hugetlb.${size}`;
    const usage = files.number(
      "hugetlb",
      `${name}.usage_in_bytes`,
      `${name}.current`,
    );
    if (usage === undefined) continue;
    found[size] = {
      usage,
      max: files.number("hugetlb", `${name}.max_usage_in_bytes`),
      failcnt: files.number("hugetlb", `${name}.failcnt`) ??
        files.flat("hugetlb", `${name}.events`).max ?? 0,
    };
  }
  return found;
}

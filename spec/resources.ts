/**
 * What a container may use: `linux.resources` of the OCI runtime
 * configuration.
 *
 * @module
 */

import { SpecError } from "./errors.ts";

/** `linux.resources` of config.json. */
export interface Resources {
  /** Memory, and its swap. */
  memory?: MemoryResources;
  /** Time on processors, and which. */
  cpu?: CpuResources;
  /** How many processes and threads; -1 is without limit. */
  pids?: { limit: number };
  /** Speed and weight of disks. */
  blockIO?: BlockIOResources;
  /** Huge pages, by size. */
  hugepageLimits?: HugepageLimit[];
  /** The devices that can be opened. */
  devices?: DeviceRule[];
  /** Marks on what it sends; v1 alone. */
  network?: NetworkResources;
  /** RDMA adapters, by name. */
  rdma?: Record<string, RdmaLimit>;
  /** Files of cgroup v2, verbatim. */
  unified?: Record<string, string>;
}

/** Bytes; -1 is without limit. */
export interface MemoryResources {
  /** The most it can have. */
  limit?: number;
  /** What it is pushed back to when memory is short. */
  reservation?: number;
  /** Memory and swap together. */
  swap?: number;
  /** Deprecated by the specification and gone from the kernel: has no effect. */
  kernel?: number;
  /** The most for buffers of TCP; v1 alone. */
  kernelTCP?: number;
  /** How readily it is swapped, 0 to 100; v1 alone. */
  swappiness?: number;
  /** It waits instead of being killed; v1 alone. */
  disableOOMKiller?: boolean;
  /** Refuse a limit below what is in use. */
  checkBeforeUpdate?: boolean;
}

/** Times in microseconds. */
export interface CpuResources {
  /** Its weight beside others; 1024 is the usual one. */
  shares?: number;
  /** The time it has in each period. */
  quota?: number;
  /** 100000 without it. */
  period?: number;
  /** What it may save up of the quota. */
  burst?: number;
  /** The same for real-time threads; v1 alone. */
  realtimeRuntime?: number;
  /** The period of that. */
  realtimePeriod?: number;
  /** Those it may run on: `0-3,7`. */
  cpus?: string;
  /** The memory nodes that it may have pages of. */
  mems?: string;
  /** 1 is only when nothing else wants to run. */
  idle?: number;
}

/** A device by number. */
export interface DeviceNumber {
  /** As in makedev(3). */
  major: number;
  /** As in makedev(3). */
  minor: number;
}

/** A disk's weight beside others. */
export type WeightDevice = DeviceNumber & {
  weight?: number;
  leafWeight?: number;
};

/** A disk, and bytes or operations a second. */
export type ThrottleDevice = DeviceNumber & { rate: number };

/** The four kinds of throttle of {@linkcode BlockIOResources}. */
export type ThrottleKind =
  | "throttleReadBpsDevice"
  | "throttleWriteBpsDevice"
  | "throttleReadIOPSDevice"
  | "throttleWriteIOPSDevice";

/** Weights and speeds of disks. */
export type BlockIOResources =
  & { weight?: number; leafWeight?: number; weightDevice?: WeightDevice[] }
  & { [kind in ThrottleKind]?: ThrottleDevice[] };

/** The most in huge pages of a size. */
export interface HugepageLimit {
  /** `2MB`, as in the names under /sys/kernel/mm/hugepages, but in upper case. */
  pageSize: string;
  /** Bytes. */
  limit: number;
}

/** Missing numbers mean every device. The last rule that fits counts. */
export interface DeviceRule {
  /** Whether it can be opened, or not. */
  allow: boolean;
  /** Block, character, or all. */
  type?: "a" | "b" | "c" | "p" | "u";
  /** The device's number. */
  major?: number;
  /** The device's number. */
  minor?: number;
  /** Out of `r`, `w` and `m` (mknod). */
  access?: string;
}

/** Marks for traffic control. */
export interface NetworkResources {
  /** For tc(8). */
  classID?: number;
  /** By interface. */
  priorities?: { name: string; priority: number }[];
}

/** The most of an adapter. */
export interface RdmaLimit {
  /** How many handles. */
  hcaHandles?: number;
  /** How many objects. */
  hcaObjects?: number;
}

/** The period of the CPU's bandwidth control when nothing is said, in microseconds. */
export const CPU_PERIOD = 100_000;

/** The numbers of a list such as `0-1,3`; null where it is not one. */
export function expandList(text: string): number[] | null {
  if (!/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text)) return null;
  const numbers = new Set<number>();
  for (const part of text.split(",")) {
    const [first = 0, last = first] = part.split("-").map(Number);
    // 8192 is the most CPUs that a kernel can be built for.
    if (last < first || last > 8191) return null;
    for (let n = first; n <= last; n++) numbers.add(n);
  }
  return [...numbers].sort((a, b) => a - b);
}

/** Whether this can be the path of a cgroup: it names one and stays below the top. */
export function isCgroupPath(path: string): boolean {
  const parts = path.split("/");
  return !parts.includes("..") && !/[\0\n:]/.test(path) && parts.some(Boolean);
}

/** Whether this is how the kernel spells a size of huge pages. */
export function isPageSize(text: string): boolean {
  return /^[1-9]\d*[KMG]B$/.test(text);
}

/** Refuses what no kernel can do. Called for config.json, where no flag was parsed. */
export function checkResources(resources: Resources): void {
  const { memory, hugepageLimits, devices, unified } = resources;
  const { limit, swap, swappiness } = memory ?? {};
  if (swap !== undefined && swap > 0 && (limit === undefined || limit < 0)) {
    throw new SpecError(
      "linux.resources.memory.swap needs a memory.limit: it is the sum of both",
    );
  }
  if (swap !== undefined && swap > 0 && limit !== undefined && swap < limit) {
    throw new SpecError(
      "linux.resources.memory.swap is the sum of memory and swap and cannot be less than memory.limit",
    );
  }
  if (swappiness !== undefined && !(swappiness >= 0 && swappiness <= 100)) {
    throw new SpecError(
      `linux.resources.memory.swappiness is ${swappiness}, not 0 to 100`,
    );
  }
  for (const { pageSize } of hugepageLimits ?? []) {
    if (!isPageSize(pageSize)) {
      throw new SpecError(
        `linux.resources.hugepageLimits: ${
          JSON.stringify(pageSize)
        } is not a page size such as 2MB`,
      );
    }
  }
  for (const { access = "", type = "a" } of devices ?? []) {
    if (!/^[rwm]*$/.test(access) || !/^[abcpu]$/.test(type)) {
      throw new SpecError(
        `linux.resources.devices: type ${JSON.stringify(type)} with access ${
          JSON.stringify(access)
        } is not a rule`,
      );
    }
  }
  for (const file of Object.keys(unified ?? {})) {
    if (!/^[a-z][\w-]*(\.[\w-]+)+$/i.test(file)) {
      throw new SpecError(
        `linux.resources.unified: ${
          JSON.stringify(file)
        } is not the name of a cgroup file`,
      );
    }
  }
}

/**
 * Without the members of memory, cpu and blockIO that are 0 and mean nothing
 * then, as runc has it: engines write every member they know.
 */
export function withoutZeros(resources: Resources): Resources {
  const { memory, cpu, blockIO, ...rest } = resources;
  return {
    ...rest,
    ...(memory ? { memory: nonzero(memory, "swappiness") } : {}),
    ...(cpu ? { cpu: nonzero(cpu, "idle", "burst") } : {}),
    ...(blockIO ? { blockIO: nonzero(blockIO) } : {}),
  };
}

function nonzero<T extends object>(part: T, ...kept: string[]): T {
  return Object.fromEntries(
    Object.entries(part).filter(([name, value]) =>
      kept.includes(name) || (value !== 0 && value !== "")
    ),
  ) as T;
}

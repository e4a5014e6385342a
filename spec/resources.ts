/**
 * The resources that a container may use: `linux.resources` of the OCI runtime
 * configuration.
 *
 * @module
 */

import { SpecError } from "./errors.ts";

/** `linux.resources` of config.json. */
export interface Resources {
  /** Memory and swap. */
  memory?: MemoryResources;
  /** Processor time, and the processors. */
  cpu?: CpuResources;
  /** The number of processes and threads; -1 means no limit. */
  pids?: { limit: number };
  /** Speed and weight of disks. */
  blockIO?: BlockIOResources;
  /** Huge pages, by size. */
  hugepageLimits?: HugepageLimit[];
  /** The devices that can be opened. */
  devices?: DeviceRule[];
  /** Marks on the packets that it sends; v1 only. */
  network?: NetworkResources;
  /** RDMA adapters, by name. */
  rdma?: Record<string, RdmaLimit>;
  /** Files of cgroup v2, verbatim. */
  unified?: Record<string, string>;
}

/** Limits in bytes; -1 means no limit. */
export interface MemoryResources {
  /** The most memory that the container can use. */
  limit?: number;
  /** The amount to which the kernel reclaims its memory when memory is short. */
  reservation?: number;
  /** Memory and swap together. */
  swap?: number;
  /** Deprecated by the specification and removed from the kernel: has no effect. */
  kernel?: number;
  /** The most memory for TCP buffers; v1 only. */
  kernelTCP?: number;
  /** How readily its memory is swapped out, 0 to 100; v1 only. */
  swappiness?: number;
  /** Processes wait at the limit instead of being killed; v1 only. */
  disableOOMKiller?: boolean;
  /** Refuse a limit below the current use. */
  checkBeforeUpdate?: boolean;
}

/** Times in microseconds. */
export interface CpuResources {
  /** Its weight compared with others; the default is 1024. */
  shares?: number;
  /** The processor time in each period. */
  quota?: number;
  /** The length of the period; the default is 100000. */
  period?: number;
  /** How much unused quota it may save up. */
  burst?: number;
  /** The processor time of real-time threads in each period; v1 only. */
  realtimeRuntime?: number;
  /** The period for real-time threads; v1 only. */
  realtimePeriod?: number;
  /** The processors it may run on: `0-3,7`. */
  cpus?: string;
  /** The memory nodes from which it may get pages. */
  mems?: string;
  /** With 1 it runs only when nothing else needs the processor. */
  idle?: number;
}

/** A device by number. */
export interface DeviceNumber {
  /** As in makedev(3). */
  major: number;
  /** As in makedev(3). */
  minor: number;
}

/** The weight of the container for one disk, compared with others. */
export type WeightDevice = DeviceNumber & {
  weight?: number;
  leafWeight?: number;
};

/** A disk, and its rate in bytes or operations per second. */
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

/** The limit for huge pages of one size. */
export interface HugepageLimit {
  /** `2MB`, as in the names under /sys/kernel/mm/hugepages, but in upper case. */
  pageSize: string;
  /** Bytes. */
  limit: number;
}

/**
 * A rule for devices. Without a number it applies to all. The last rule that
 * fits counts.
 */
export interface DeviceRule {
  /** Whether the device can be opened. */
  allow: boolean;
  /** Block, character, or all. */
  type?: "a" | "b" | "c" | "p" | "u";
  /** The major part of the device's number. */
  major?: number;
  /** The minor part of the device's number. */
  minor?: number;
  /** Any of `r`, `w` and `m` (mknod). */
  access?: string;
}

/** Marks for traffic control. */
export interface NetworkResources {
  /** The class for tc(8). */
  classID?: number;
  /** The priority on each interface. */
  priorities?: { name: string; priority: number }[];
}

/** The limits for one adapter. */
export interface RdmaLimit {
  /** The number of handles. */
  hcaHandles?: number;
  /** The number of objects. */
  hcaObjects?: number;
}

/** The default period of CPU bandwidth control, in microseconds. */
export const CPU_PERIOD = 100_000;

/** The numbers in a list such as `0-1,3`; null if the text is no such list. */
export function expandList(text: string): number[] | null {
  if (!/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text)) return null;
  const numbers = new Set<number>();
  for (const part of text.split(",")) {
    const [first = 0, last = first] = part.split("-").map(Number);
    // A kernel can be built for at most 8192 CPUs.
    if (last < first || last > 8191) return null;
    for (let n = first; n <= last; n++) numbers.add(n);
  }
  return [...numbers].sort((a, b) => a - b);
}

/** Whether a path can be that of a cgroup: it names one and stays below the top. */
export function isCgroupPath(path: string): boolean {
  const parts = path.split("/");
  return !parts.includes("..") && !/[\0\n:]/.test(path) && parts.some(Boolean);
}

/** Whether a text is a size of huge pages in the kernel's spelling. */
export function isPageSize(text: string): boolean {
  return /^[1-9]\d*[KMG]B$/.test(text);
}

/**
 * Refuses what no kernel can do. Called for config.json, for which no flags are
 * parsed.
 *
 * @throws {SpecError} for the first such member
 */
export function checkResources(resources: Resources): void {
  const { memory, hugepageLimits, devices, unified } = resources;
  const { limit, swap, swappiness } = memory ?? {};
  if (swap !== undefined && swap > 0 && (limit === undefined || limit < 0)) {
    throw new SpecError(
      "linux.resources.memory.swap is the sum of memory and swap and requires memory.limit",
    );
  }
  if (swap !== undefined && swap > 0 && limit !== undefined && swap < limit) {
    throw new SpecError(
      "linux.resources.memory.swap is the sum of memory and swap and cannot be less than memory.limit",
    );
  }
  if (swappiness !== undefined && !(swappiness >= 0 && swappiness <= 100)) {
    throw new SpecError(
      `linux.resources.memory.swappiness is ${swappiness}, expected 0 to 100`,
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
 * Removes the members of memory, cpu and blockIO whose 0 means "not set", as
 * runc does. Engines write every member that they know.
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

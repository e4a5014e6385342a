/**
 * What a container may use: `linux.resources` of the OCI runtime
 * configuration.
 *
 * @module
 */

import { SpecError } from "./errors.ts";

/** `linux.resources` of config.json. */
export interface Resources {
  memory?: MemoryResources;
  cpu?: CpuResources;
  pids?: { limit: number };
  blockIO?: BlockIOResources;
  hugepageLimits?: HugepageLimit[];
  devices?: DeviceRule[];
  network?: NetworkResources;
  rdma?: Record<string, RdmaLimit>;
  /** Files of cgroup v2, verbatim. */
  unified?: Record<string, string>;
}

/** Bytes; -1 is without limit. */
export interface MemoryResources {
  limit?: number;
  reservation?: number;
  /** Memory and swap together. */
  swap?: number;
  /** Deprecated by the specification and gone from the kernel: has no effect. */
  kernel?: number;
  kernelTCP?: number;
  swappiness?: number;
  disableOOMKiller?: boolean;
  /** Refuse a limit below what is in use. */
  checkBeforeUpdate?: boolean;
}

/** Times in microseconds. */
export interface CpuResources {
  shares?: number;
  quota?: number;
  period?: number;
  burst?: number;
  realtimeRuntime?: number;
  realtimePeriod?: number;
  cpus?: string;
  mems?: string;
  idle?: number;
}

/** A device by number. */
export interface DeviceNumber {
  major: number;
  minor: number;
}

export type WeightDevice = DeviceNumber & {
  weight?: number;
  leafWeight?: number;
};

export type ThrottleDevice = DeviceNumber & { rate: number };

/** The four kinds of throttle of {@linkcode BlockIOResources}. */
export type ThrottleKind =
  | "throttleReadBpsDevice"
  | "throttleWriteBpsDevice"
  | "throttleReadIOPSDevice"
  | "throttleWriteIOPSDevice";

export type BlockIOResources =
  & { weight?: number; leafWeight?: number; weightDevice?: WeightDevice[] }
  & { [kind in ThrottleKind]?: ThrottleDevice[] };

export interface HugepageLimit {
  /** `2MB`, as in the names under /sys/kernel/mm/hugepages, but in upper case. */
  pageSize: string;
  limit: number;
}

/** Missing numbers mean every device. The last rule that fits counts. */
export interface DeviceRule {
  allow: boolean;
  type?: "a" | "b" | "c" | "p" | "u";
  major?: number;
  minor?: number;
  /** Out of `r`, `w` and `m` (mknod). */
  access?: string;
}

export interface NetworkResources {
  classID?: number;
  priorities?: { name: string; priority: number }[];
}

export interface RdmaLimit {
  hcaHandles?: number;
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
  if (swap !== undefined && swap >= 0 && limit !== undefined && swap < limit) {
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

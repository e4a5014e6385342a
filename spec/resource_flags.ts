/**
 * Reads the `run` flags for resources, which follow docker run. Pure: a
 * function provides the numbers of devices, which only the host knows.
 *
 * @module
 */

import { UsageError } from "./errors.ts";
import {
  type BlockIOResources,
  CPU_PERIOD,
  type CpuResources,
  type DeviceNumber,
  expandList,
  type HugepageLimit,
  isPageSize,
  type MemoryResources,
  type Resources,
  type ThrottleDevice,
} from "./resources.ts";

/** A device for the container: `--device`. */
export interface DeviceRequest {
  source: string;
  target: string;
  access: string;
}

/** Returns the type and number of a device file of the host. */
export type DeviceLookup = (
  path: string,
) => DeviceNumber & { type: "b" | "c" };

/** The values on the command line, by flag. */
export interface ResourceFlags {
  memory?: string;
  "memory-swap"?: string;
  "memory-reservation"?: string;
  "memory-swappiness"?: string;
  "oom-kill-disable"?: boolean;
  cpus?: string;
  "cpu-period"?: string;
  "cpu-quota"?: string;
  "cpu-shares"?: string;
  "cpuset-cpus"?: string;
  "cpuset-mems"?: string;
  "pids-limit"?: string;
  "blkio-weight"?: string;
  "device-read-bps"?: string[];
  "device-write-bps"?: string[];
  "device-read-iops"?: string[];
  "device-write-iops"?: string[];
  hugetlb?: string[];
}

const UNITS = "bkmgtp";

/** Reads `512m`, `1.5GiB` or `1000` as bytes, in powers of 1024 like docker. */
export function parseSize(flag: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgtp]?)(?:i?b)?$/i.exec(text.trim());
  const bytes = match &&
    Math.floor(
      Number(match[1]) *
        1024 ** Math.max(0, UNITS.indexOf(match[2]!.toLowerCase())),
    );
  if (bytes === null || !Number.isSafeInteger(bytes)) {
    throw new UsageError(
      `--${flag}: ${JSON.stringify(text)} is not a size`,
      "Use a number with b, k, m, g or t. Example: --" + flag + " 512m",
    );
  }
  return bytes;
}

/** Reads a size, or -1 for no limit. */
export function parseLimit(flag: string, text: string): number {
  return text.trim() === "-1" ? -1 : parseSize(flag, text);
}

/** Reads a whole number in a range. */
export function parseInteger(
  flag: string,
  text: string,
  [least, most]: [number, number],
): number {
  const value = Number(text);
  if (!/^-?\d+$/.test(text.trim()) || value < least || value > most) {
    throw new UsageError(
      `--${flag}: ${
        JSON.stringify(text)
      } is not a whole number from ${least} to ${most}`,
    );
  }
  return value;
}

/** Turns a number of CPUs such as `1.5` into time in each period. */
export function parseCpus(
  text: string,
): { quota: number; period: number } {
  const cpus = Number(text);
  if (
    !/^\d*\.?\d+$/.test(text.trim()) || cpus < 0.01 ||
    !Number.isSafeInteger(Math.round(cpus * CPU_PERIOD))
  ) {
    throw new UsageError(
      `--cpus: ${JSON.stringify(text)} is not a number of CPUs`,
      "Use 0.01 or more. Example: --cpus 1.5",
    );
  }
  return { quota: Math.round(cpus * CPU_PERIOD), period: CPU_PERIOD };
}

/** Checks a list of CPUs or memory nodes, and returns it in the kernel's form. */
export function parseList(flag: string, text: string): string {
  const trimmed = text.trim();
  if (expandList(trimmed) === null) {
    throw new UsageError(
      `--${flag}: ${JSON.stringify(text)} is not a list of numbers`,
      `Use numbers and ranges. Example: --${flag} 0-1,3`,
    );
  }
  return trimmed;
}

/** Reads `/dev/sda:1mb`, a rate in bytes, or `/dev/sda:100`, a rate in operations. */
export function parseThrottle(
  flag: string,
  text: string,
  lookup: DeviceLookup,
): ThrottleDevice {
  const at = text.lastIndexOf(":");
  const path = text.slice(0, at);
  if (at < 1 || !path.startsWith("/")) {
    throw new UsageError(
      `--${flag}: ${JSON.stringify(text)} is not a device and a rate`,
      `Example: --${flag} /dev/sda:${flag.endsWith("bps") ? "1mb" : "100"}`,
    );
  }
  const word = text.slice(at + 1);
  const rate = flag.endsWith("bps")
    ? parseSize(flag, word)
    : parseInteger(flag, word, [1, 2 ** 32 - 1]);
  const { type, major, minor } = lookup(path);
  if (type !== "b") {
    throw new UsageError(`--${flag}: ${path} is not a block device`);
  }
  return { major, minor, rate };
}

/** Reads `/dev/fuse`, `/dev/fuse:/dev/fuse` or `/dev/fuse:/dev/fuse:rwm`. */
export function parseDevice(text: string): DeviceRequest {
  const [source = "", ...rest] = text.split(":");
  const bad = (why: string) =>
    new UsageError(
      `--device: ${JSON.stringify(text)}: ${why}`,
      "Examples: --device /dev/fuse, /dev/fuse:/dev/other, /dev/fuse:/dev/fuse:rwm",
    );
  if (!source.startsWith("/")) throw bad("the device is not an absolute path");
  if (rest.length > 2) throw bad("too many colons");
  const isAccess = (word: string) => /^(?!.*(.).*\1)[rwm]{1,3}$/.test(word);
  let [target = source, access = "rwm"] = rest;
  if (rest.length === 1 && isAccess(target)) {
    [target, access] = [source, target];
  }
  if (!target.startsWith("/")) throw bad("the target is not an absolute path");
  if (!isAccess(access)) {
    throw bad(`${JSON.stringify(access)} has letters other than r, w and m`);
  }
  return { source, target, access };
}

/** Reads `2MB:64m`, or `64m` for pages of 2 MB. */
export function parseHugetlb(text: string): HugepageLimit {
  const at = text.indexOf(":");
  const pageSize = at < 0 ? "2MB" : text.slice(0, at).toUpperCase();
  if (!isPageSize(pageSize)) {
    throw new UsageError(
      `--hugetlb: ${JSON.stringify(pageSize)} is not a page size`,
      "Examples: --hugetlb 2MB:64m, --hugetlb 1GB:4g",
    );
  }
  return { pageSize, limit: parseSize("hugetlb", text.slice(at + 1)) };
}

const THROTTLES = [
  ["device-read-bps", "throttleReadBpsDevice"],
  ["device-write-bps", "throttleWriteBpsDevice"],
  ["device-read-iops", "throttleReadIOPSDevice"],
  ["device-write-iops", "throttleWriteIOPSDevice"],
] as const;

/** Turns flags into resources; undefined if no flag asks for a limit. */
export function parseResources(
  flags: ResourceFlags,
  lookup: DeviceLookup,
): Resources | undefined {
  const memory = parseMemory(flags);
  const cpu = parseCpu(flags);
  const blockIO: BlockIOResources = {};
  if (flags["blkio-weight"] !== undefined) {
    blockIO.weight = parseInteger("blkio-weight", flags["blkio-weight"], [
      10,
      1000,
    ]);
  }
  for (const [flag, kind] of THROTTLES) {
    const words = flags[flag];
    if (words?.length) {
      blockIO[kind] = words.map((word) => parseThrottle(flag, word, lookup));
    }
  }
  const pids = flags["pids-limit"];
  const resources: Resources = {
    ...(Object.keys(memory).length ? { memory } : {}),
    ...(Object.keys(cpu).length ? { cpu } : {}),
    ...(pids === undefined
      ? {}
      : { pids: { limit: parseInteger("pids-limit", pids, [-1, 2 ** 22]) } }),
    ...(Object.keys(blockIO).length ? { blockIO } : {}),
    ...(flags.hugetlb?.length
      ? { hugepageLimits: flags.hugetlb.map(parseHugetlb) }
      : {}),
  };
  return Object.keys(resources).length ? resources : undefined;
}

/** The kernel needs this much only for the tables of a process. */
const LEAST_MEMORY = 128 << 10;

function parseMemory(flags: ResourceFlags): MemoryResources {
  const memory: MemoryResources = {};
  const { memory: limit, "memory-swap": swap } = flags;
  if (limit !== undefined) {
    memory.limit = parseSize("memory", limit);
    if (memory.limit < LEAST_MEMORY) {
      throw new UsageError(
        `--memory ${limit}: a command needs at least 128k to start`,
        "Example: --memory 64m",
      );
    }
    // As with docker run: as much swap as memory, unless a flag sets it.
    memory.swap = memory.limit * 2;
  }
  if (flags["memory-reservation"] !== undefined) {
    memory.reservation = parseSize(
      "memory-reservation",
      flags["memory-reservation"],
    );
  }
  if (swap !== undefined) {
    memory.swap = parseLimit("memory-swap", swap);
    if (memory.limit === undefined) {
      throw new UsageError(
        "--memory-swap is the sum of memory and swap and requires --memory",
        "Add --memory with at most the same size",
      );
    }
    if (memory.swap !== -1 && memory.swap < memory.limit) {
      throw new UsageError(
        "--memory-swap is the sum of memory and swap and cannot be less than --memory",
        "Use the same value for both to disable swap",
      );
    }
  }
  const { reservation } = memory;
  if (
    reservation !== undefined && memory.limit !== undefined &&
    reservation > memory.limit
  ) {
    throw new UsageError(
      "--memory-reservation cannot be greater than --memory",
    );
  }
  if (flags["memory-swappiness"] !== undefined) {
    memory.swappiness = parseInteger(
      "memory-swappiness",
      flags["memory-swappiness"],
      [0, 100],
    );
  }
  if (flags["oom-kill-disable"]) memory.disableOOMKiller = true;
  return memory;
}

function parseCpu(flags: ResourceFlags): CpuResources {
  const cpu: CpuResources = {};
  const { cpus, "cpu-quota": quota, "cpu-period": period } = flags;
  if (cpus !== undefined && (quota ?? period) !== undefined) {
    throw new UsageError(
      "--cpus sets both the quota and the period and cannot be used with --cpu-quota or --cpu-period",
    );
  }
  if (cpus !== undefined) Object.assign(cpu, parseCpus(cpus));
  if (quota !== undefined) {
    cpu.quota = parseInteger("cpu-quota", quota, [-1, 2 ** 40]);
  }
  if (period !== undefined) {
    cpu.period = parseInteger("cpu-period", period, [1000, 1_000_000]);
  }
  if (flags["cpu-shares"] !== undefined) {
    cpu.shares = parseInteger("cpu-shares", flags["cpu-shares"], [2, 262_144]);
  }
  if (flags["cpuset-cpus"] !== undefined) {
    cpu.cpus = parseList("cpuset-cpus", flags["cpuset-cpus"]);
  }
  if (flags["cpuset-mems"] !== undefined) {
    cpu.mems = parseList("cpuset-mems", flags["cpuset-mems"]);
  }
  return cpu;
}

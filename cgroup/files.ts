/**
 * Converts resources to cgroup files: the one table of files and values, for v1
 * and v2. Pure. The conversions are those of runc and crun, so a config.json
 * has the same meaning here.
 *
 * @module
 */

import {
  CPU_PERIOD,
  type CpuResources,
  type Resources,
} from "../spec/resources.ts";
import { blockV1, blockV2 } from "./block_files.ts";
import { type FileWrite, number, only, type Write } from "./_file_write.ts";

export type { FileWrite } from "./_file_write.ts";

/** A controller by its two names; null if a version does not have it. */
export interface Concern {
  v1: string | null;
  v2: string | null;
  /** Its effect, to follow "Cannot". */
  what: string;
  asked: (resources: Resources) => boolean;
  write: (resources: Resources, version: 1 | 2, current: Current) => Write[];
}

/** Existing values that determine the order of an update. */
export interface Current {
  /** In bytes; undefined for a new cgroup. */
  memoryLimit?: number;
}

const has = (...values: unknown[]) =>
  values.some((value) => value !== undefined);

const orMax = (value: number) => value < 0 ? "max" : String(value);

/** Every controller that resources can ask for, in the order of writing. */
export const CONCERNS: readonly Concern[] = [
  {
    v1: "memory",
    v2: "memory",
    what: "limit memory",
    asked: ({ memory = {} }) =>
      has(
        memory.limit,
        memory.reservation,
        memory.swap,
        memory.swappiness,
        memory.kernelTCP,
      ) ||
      memory.disableOOMKiller === true,
    write: (resources, version, current) =>
      version === 1 ? memoryV1(resources, current) : memoryV2(resources),
  },
  {
    v1: "cpu",
    v2: "cpu",
    what: "limit CPU time",
    asked: ({ cpu = {} }) =>
      has(
        cpu.shares,
        cpu.quota,
        cpu.period,
        cpu.burst,
        cpu.idle,
        cpu.realtimePeriod,
        cpu.realtimeRuntime,
      ),
    write: ({ cpu = {} }, version) => version === 1 ? cpuV1(cpu) : cpuV2(cpu),
  },
  {
    v1: "cpuset",
    v2: "cpuset",
    what: "choose CPUs or memory nodes",
    asked: ({ cpu = {} }) => has(cpu.cpus, cpu.mems),
    write: ({ cpu = {} }) => [
      ...(cpu.cpus
        ? [{
          file: "cpuset.cpus",
          value: cpu.cpus,
          why: "the CPUs that its processes can run on",
        }]
        : []),
      ...(cpu.mems
        ? [{
          file: "cpuset.mems",
          value: cpu.mems,
          why: "the memory nodes that its processes can allocate from",
        }]
        : []),
    ],
  },
  {
    v1: "pids",
    v2: "pids",
    what: "limit the number of processes",
    asked: ({ pids }) => pids !== undefined,
    write: ({ pids }) => [{
      file: "pids.max",
      value: pids!.limit > 0 ? String(pids!.limit) : "max",
      why:
        "the maximum number of processes and threads: beyond it fork fails with EAGAIN, which stops a fork bomb",
    }],
  },
  {
    v1: "blkio",
    v2: "io",
    what: "limit disk throughput",
    asked: ({ blockIO = {} }) =>
      Object.values(blockIO).some((value) => value !== undefined),
    write: ({ blockIO = {} }, version) =>
      version === 1 ? blockV1(blockIO) : blockV2(blockIO),
  },
  {
    v1: "hugetlb",
    v2: "hugetlb",
    what: "limit huge pages",
    asked: ({ hugepageLimits = [] }) => hugepageLimits.length > 0,
    write: ({ hugepageLimits = [] }, version) =>
      hugepageLimits.flatMap(({ pageSize, limit }): Write[] => {
        const name = version === 1 ? "limit_in_bytes" : "max";
        const value = String(limit);
        return [
          {
            file: `hugetlb.${pageSize}.${name}`,
            value,
            why: `the maximum number of bytes in pages of ${pageSize}`,
          },
          {
            file: `hugetlb.${pageSize}.rsvd.${name}`,
            value,
            optional: true,
            why:
              "reservations also count, so mmap fails instead of a later access",
          },
        ];
      }),
  },
  {
    v1: "net_cls",
    v2: null,
    what: "tag network packets",
    asked: ({ network }) => network?.classID !== undefined,
    write: ({ network }) => [{
      file: "net_cls.classid",
      value: String(network!.classID),
      why: "its packets get this class for tc(8)",
    }],
  },
  {
    v1: "net_prio",
    v2: null,
    what: "give network priorities",
    asked: ({ network }) => (network?.priorities ?? []).length > 0,
    write: ({ network }) =>
      network!.priorities!.map(({ name, priority }) => ({
        file: "net_prio.ifpriomap",
        value: `${name} ${priority}`,
        why: `the priority of its packets on ${name}`,
      })),
  },
  {
    v1: "rdma",
    v2: "rdma",
    what: "limit RDMA",
    asked: ({ rdma = {} }) => Object.keys(rdma).length > 0,
    write: ({ rdma = {} }) =>
      Object.entries(rdma).map(([device, { hcaHandles, hcaObjects }]) => ({
        file: "rdma.max",
        value: `${device} hca_handle=${hcaHandles ?? "max"} hca_object=${
          hcaObjects ?? "max"
        }`,
        why: `the limits for ${device}`,
      })),
  },
];

const OVER_LIMIT =
  "the memory limit in bytes: above it the kernel reclaims memory, then kills a process";
const OVER_SWAP = "memory and swap together, so swap does not bypass the limit";

function memoryV1({ memory = {} }: Resources, current: Current): Write[] {
  const { limit, swap = limit === -1 ? -1 : undefined } = memory;
  const limits: Write[] = [];
  if (limit !== undefined) {
    limits.push({
      file: "memory.limit_in_bytes",
      value: String(limit),
      why: OVER_LIMIT,
    });
  }
  if (swap !== undefined) {
    limits.push({
      file: "memory.memsw.limit_in_bytes",
      value: String(swap),
      why: OVER_SWAP,
      // docker's default is twice the memory, so the user may not have asked
      // for this value.
      ...(swap === 2 * (limit ?? 0) || swap < 0 ? { optional: true } : {}),
    });
  }
  // The kernel keeps memory ≤ memory+swap at every moment, so raise the sum
  // first.
  const { memoryLimit } = current;
  if (
    swap !== undefined && memoryLimit !== undefined &&
    (swap < 0 || memoryLimit < swap)
  ) limits.reverse();
  return [
    ...limits,
    ...number("memory.soft_limit_in_bytes", memory.reservation, RESERVED),
    ...number(
      "memory.kmem.tcp.limit_in_bytes",
      memory.kernelTCP,
      "the limit of bytes in TCP buffers",
    ),
    ...number(
      "memory.swappiness",
      memory.swappiness,
      "how readily its memory is swapped out",
    ),
    ...(memory.disableOOMKiller
      ? [{
        file: "memory.oom_control",
        value: "1",
        why: "at the limit its processes wait instead of being killed",
      }]
      : []),
  ];
}

const RESERVED =
  "under memory pressure the kernel first reclaims memory above this value";

function memoryV2({ memory = {} }: Resources): Write[] {
  only(2, 1, "memory.swappiness", memory.swappiness);
  only(2, 1, "memory.disableOOMKiller", memory.disableOOMKiller);
  only(2, 1, "memory.kernelTCP", memory.kernelTCP);
  const { limit, reservation } = memory;
  const swap = memory.swap ?? (limit === -1 ? -1 : undefined);
  const writes: Write[] = [];
  if (swap !== undefined) {
    writes.push({
      file: "memory.swap.max",
      // v2 counts swap alone; OCI counts memory and swap together.
      value: swap < 0 ? "max" : String(swap - (limit ?? 0)),
      why: "the swap limit in bytes, in addition to memory",
      // A kernel that does not account swap cannot limit it either.
      ...(swap === 2 * (limit ?? 0) || swap === limit || swap < 0
        ? { optional: true }
        : {}),
    });
  }
  if (limit !== undefined) {
    writes.push({ file: "memory.max", value: orMax(limit), why: OVER_LIMIT });
  }
  if (reservation !== undefined) {
    writes.push({
      file: "memory.low",
      value: orMax(reservation),
      why: RESERVED,
    });
  }
  return writes;
}

const SHARES = "its weight relative to others when the CPUs are busy";
const QUOTA =
  "the CPU time in microseconds per period; then it waits for the next period";

function cpuV1(cpu: CpuResources): Write[] {
  return [
    ...number("cpu.shares", cpu.shares, SHARES),
    ...number("cpu.rt_period_us", cpu.realtimePeriod, "the real-time period"),
    ...number(
      "cpu.rt_runtime_us",
      cpu.realtimeRuntime,
      "the real-time CPU time per period",
    ),
    ...number(
      "cpu.cfs_period_us",
      cpu.period,
      "the length of a period for the CPU time limit",
    ),
    ...number("cpu.cfs_quota_us", cpu.quota || undefined, QUOTA),
    ...number(
      "cpu.cfs_burst_us",
      cpu.burst,
      "the unused CPU time that it can save up",
    ),
    ...number("cpu.idle", cpu.idle, "it runs only when the CPU is idle"),
  ];
}

function cpuV2(cpu: CpuResources): Write[] {
  only(2, 1, "cpu.realtimePeriod", cpu.realtimePeriod);
  only(2, 1, "cpu.realtimeRuntime", cpu.realtimeRuntime);
  const { quota, period } = cpu;
  const time = quota !== undefined && quota > 0 ? String(quota) : "max";
  return [
    ...number(
      "cpu.weight",
      cpu.shares ? sharesToWeight(cpu.shares) : undefined,
      SHARES,
    ),
    ...(quota || period !== undefined
      ? [{
        file: "cpu.max",
        value: `${time} ${period ?? CPU_PERIOD}`,
        why: QUOTA,
      }]
      : []),
    ...number(
      "cpu.max.burst",
      cpu.burst,
      "the unused CPU time that it can save up",
    ),
    ...number("cpu.idle", cpu.idle, "it runs only when the CPU is idle"),
  ];
}

/**
 * Converts v1 shares (2 to 262144, default 1024) to a v2 weight (1 to 10000,
 * default 100). A quadratic function of the logarithm meets all three points,
 * as in runc 1.3 and crun 1.23; the older linear formula converted 1024 to 39.
 */
export function sharesToWeight(shares: number): number {
  if (shares <= 2) return 1;
  if (shares >= 262_144) return 10_000;
  const l = Math.log2(shares);
  return Math.ceil(10 ** ((l * l + 125 * l) / 612 - 7 / 34));
}

/** The writes for one controller, in its version. */
export function fileWrites(
  concern: Concern,
  resources: Resources,
  version: 1 | 2,
  current: Current = {},
): FileWrite[] {
  const controller = version === 1 ? concern.v1 : concern.v2;
  if (controller === null) return [];
  return concern.write(resources, version, current)
    .map((write) => ({ controller, ...write }));
}

/**
 * `unified`: v2 files, written verbatim and last, so they override the others.
 */
export function unifiedWrites({ unified = {} }: Resources): FileWrite[] {
  return Object.entries(unified).map(([file, value]) => ({
    controller: file.split(".")[0]!,
    file,
    value,
    why: "requested in linux.resources.unified",
  }));
}

/** The flags of `run` that limit what the container uses. */

import type { Flag } from "./flags.ts";

/** Limits that the cgroup sets. */
export const RESOURCE_FLAGS: readonly Flag[] = [
  {
    name: "memory",
    short: "m",
    value: "SIZE",
    help: "Limit memory, e.g. 512m",
  },
  {
    name: "memory-swap",
    value: "SIZE",
    help: "Limit memory and swap together; -1 for no limit",
  },
  {
    name: "memory-reservation",
    value: "SIZE",
    help: "Memory to keep when the host is short of memory",
  },
  {
    name: "cpus",
    value: "N",
    help: "Limit CPU time to this many CPUs, e.g. 1.5",
  },
  {
    name: "memory-swappiness",
    value: "N",
    help: "How readily memory is swapped out (0 to 100)",
  },
  {
    name: "oom-kill-disable",
    help: "Let processes wait at the memory limit, not be killed",
  },
  {
    name: "cpu-period",
    value: "N",
    help: "Length of a --cpu-quota period, in microseconds",
  },
  {
    name: "cpu-quota",
    value: "N",
    help: "Limit CPU time per period, in microseconds",
  },
  {
    name: "cpu-shares",
    value: "N",
    help: "CPU weight relative to other cgroups (usually 1024)",
  },
  { name: "cpuset-cpus", value: "LIST", help: "CPUs to use, set by cgroup" },
  { name: "cpuset-mems", value: "LIST", help: "Memory nodes to use" },
  {
    name: "pids-limit",
    value: "N",
    help: "Limit the number of processes and threads",
  },
  {
    name: "blkio-weight",
    value: "N",
    help: "Disk I/O weight (10 to 1000)",
  },
  {
    name: "device-read-bps",
    value: "DEVICE:RATE",
    help: "Limit bytes per second read from a disk",
  },
  {
    name: "device-write-bps",
    value: "DEVICE:RATE",
    help: "Limit bytes per second written to a disk",
  },
  {
    name: "device-read-iops",
    value: "DEVICE:RATE",
    help: "Limit reads per second",
  },
  {
    name: "device-write-iops",
    value: "DEVICE:RATE",
    help: "Limit writes per second",
  },
  {
    name: "hugetlb",
    value: "SIZE:LIMIT",
    help: "Limit huge pages of one size, e.g. 2MB:64m",
  },
  {
    name: "cgroup-parent",
    value: "PATH",
    help: "Parent of the container's cgroup; its limits also apply",
  },
];

/** The rarer members of `linux` in config.json. */

import type { SeccompAction, SeccompFlag, SeccompRule } from "./seccomp.ts";

/** What OCI lets happen to a system call; an agent's socket decides on SCMP_ACT_NOTIFY. */
export type SeccompAnswer = SeccompAction | "SCMP_ACT_NOTIFY";

/**
 * `linux.seccomp` as it is written. `parseSeccomp` of spec/seccomp.ts makes of
 * it what can be compiled.
 */
export interface Seccomp {
  defaultAction: SeccompAnswer;
  defaultErrnoRet?: number;
  /** Such as `SCMP_ARCH_X86`. */
  architectures?: string[];
  flags?: SeccompFlag[];
  /** The agent's socket, for SCMP_ACT_NOTIFY. */
  listenerPath?: string;
  /** What the agent is told beside. */
  listenerMetadata?: string;
  syscalls?: (Omit<SeccompRule, "action"> & { action: SeccompAnswer })[];
}

/** An interface of the host, to be moved into the container's network namespace. */
export interface NetDevice {
  /** What it is called there; its own name without it. */
  name?: string;
}

/** Intel's Resource Director Technology, through the resctrl file system. */
export interface IntelRdt {
  /** The class of service; the container's id without it. */
  closID?: string;
  /** Lines for the file `schemata`, after those of the two members below. */
  schemata?: string[];
  l3CacheSchema?: string;
  memBwSchema?: string;
  enableMonitoring?: boolean;
  /** Deprecated: enableMonitoring. */
  enableCMT?: boolean;
  /** Deprecated: enableMonitoring. */
  enableMBM?: boolean;
}

/** set_mempolicy(2). */
export interface MemoryPolicy {
  mode:
    | "MPOL_DEFAULT"
    | "MPOL_BIND"
    | "MPOL_INTERLEAVE"
    | "MPOL_WEIGHTED_INTERLEAVE"
    | "MPOL_PREFERRED"
    | "MPOL_PREFERRED_MANY"
    | "MPOL_LOCAL";
  /** A list of nodes such as `0-3,7`. */
  nodes?: string;
  flags?: (
    | "MPOL_F_NUMA_BALANCING"
    | "MPOL_F_RELATIVE_NODES"
    | "MPOL_F_STATIC_NODES"
  )[];
}

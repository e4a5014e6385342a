/** The less common members of `linux` in config.json. */

import type { SeccompAction, SeccompFlag, SeccompRule } from "./seccomp.ts";

/** The action for a system call. With SCMP_ACT_NOTIFY an agent decides. */
export type SeccompAnswer = SeccompAction | "SCMP_ACT_NOTIFY";

/**
 * `linux.seccomp` as written. `parseSeccomp` of spec/seccomp.ts turns it into a
 * profile that can be compiled.
 */
export interface Seccomp {
  defaultAction: SeccompAnswer;
  defaultErrnoRet?: number;
  /** Such as `SCMP_ARCH_X86`. */
  architectures?: string[];
  flags?: SeccompFlag[];
  /** The agent's socket, for SCMP_ACT_NOTIFY. */
  listenerPath?: string;
  /** Passed to the agent in addition. */
  listenerMetadata?: string;
  syscalls?: (Omit<SeccompRule, "action"> & { action: SeccompAnswer })[];
}

/** An interface of the host that moves into the container's network namespace. */
export interface NetDevice {
  /** Its name there; by default the name that it has on the host. */
  name?: string;
}

/** Intel's Resource Director Technology, through the resctrl file system. */
export interface IntelRdt {
  /** The class of service; by default the container's id. */
  closID?: string;
  /** Lines for the file `schemata`, written after those of the two members below. */
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
  /** How nodes are chosen. */
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
  /** Flags of the mode. */
  flags?: (
    | "MPOL_F_NUMA_BALANCING"
    | "MPOL_F_RELATIVE_NODES"
    | "MPOL_F_STATIC_NODES"
  )[];
}

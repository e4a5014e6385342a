/**
 * The OCI runtime configuration (config.json) of runtime-spec 1.3 as
 * TypeScript. `run` flags compile to it, spec/config.ts reads it from a text,
 * and nothing downstream knows where it came from.
 */

import type { Resources } from "./resources.ts";
import type {
  IntelRdt,
  MemoryPolicy,
  NetDevice,
  Seccomp,
} from "./types_linux.ts";
import type {
  ExecCPUAffinity,
  IOPriority,
  Scheduler,
} from "./types_process.ts";

/** config.json. */
export interface Spec {
  ociVersion: string;
  process: Process;
  root: Root;
  hostname?: string;
  /** The NIS domain, setdomainname(2). */
  domainname?: string;
  mounts?: Mount[];
  linux: Linux;
  annotations?: Record<string, string>;
  hooks?: Hooks;
}

/** What runs, and as whom. */
export interface Process {
  terminal?: boolean;
  /** What a new terminal is as large as, in characters. */
  consoleSize?: { height: number; width: number };
  user: User;
  args: string[];
  env: string[];
  cwd: string;
  capabilities?: Capabilities;
  noNewPrivileges?: boolean;
  rlimits?: Rlimit[];
  oomScoreAdj?: number;
  /** What `run` can set and config.json spells otherwise. */
  scheduling?: { nice?: number; cpus?: number[] };
  /** Descriptors from 3 upwards that the command keeps. */
  preserve?: number;
  apparmorProfile?: string;
  selinuxLabel?: string;
  ioPriority?: IOPriority;
  scheduler?: Scheduler;
  execCPUAffinity?: ExecCPUAffinity;
}

/** The sets of capabilities(7), by their `CAP_…` names. */
export interface Capabilities {
  bounding?: string[];
  effective?: string[];
  inheritable?: string[];
  permitted?: string[];
  ambient?: string[];
}

/**
 * setrlimit(2); `type` is a `RLIMIT_…` name. -1 is without limit; a bigint
 * stands where a number would lose digits.
 */
export interface Rlimit {
  /** `RLIMIT_NOFILE` and the like. */
  type: string;
  /** What counts. */
  soft: number | bigint;
  /** What it may be raised to. */
  hard: number | bigint;
}

export interface User {
  uid: number;
  gid: number;
  additionalGids?: number[];
  umask?: number;
}

export interface Root {
  path: string;
  readonly?: boolean;
}

/** A program that is run at a point of the container's life. */
export interface Hook {
  path: string;
  /** With the name first, as execve(2) has it. */
  args?: string[];
  env?: string[];
  /** In seconds. */
  timeout?: number;
}

/** Hooks by the point at which they run, in the order given. */
export interface Hooks {
  /** On the host, after the namespaces are made. Deprecated: createRuntime. */
  prestart?: Hook[];
  /** On the host, after the namespaces are made and before the root changes. */
  createRuntime?: Hook[];
  /** In the container's namespaces, before the root changes. */
  createContainer?: Hook[];
  /** In the container, before the command is executed. */
  startContainer?: Hook[];
  /** On the host, after the command is executed. */
  poststart?: Hook[];
  /** On the host, after the container is deleted. */
  poststop?: Hook[];
}

/** A mount, or what else is put into the root filesystem. */
export interface Mount {
  /** Where it is, inside. */
  destination: string;
  /** `bind`, or a file system of filesystems(5). */
  type?: string;
  /** What is bound, or the file system's source. */
  source?: string;
  /** As mount(8) has them: `ro`, `rbind`, `nosuid`, `size=64m`. */
  options?: string[];
  /** Of an idmapped mount. */
  uidMappings?: IdMapping[];
  /** Of an idmapped mount. */
  gidMappings?: IdMapping[];
}

/** The kinds of namespaces(7), in OCI's spelling. */
export type NamespaceType =
  | "pid"
  | "network"
  | "mount"
  | "ipc"
  | "uts"
  | "user"
  | "cgroup"
  | "time";

export interface Namespace {
  type: NamespaceType;
  /** An existing namespace to join; a new one without it. */
  path?: string;
}

/** A range of a uid_map or gid_map, user_namespaces(7). */
export interface IdMapping {
  /** The first id inside. */
  containerID: number;
  /** The first id on the host. */
  hostID: number;
  /** How many. */
  size: number;
}

/** A device node, mknod(2). */
export interface Device {
  /** Character, block, unbuffered, or a pipe. */
  type: "c" | "b" | "u" | "p";
  /** Where it is, inside. */
  path: string;
  /** Its number, with `minor`. */
  major?: number;
  /** Its number, with `major`. */
  minor?: number;
  /** Its permissions. */
  fileMode?: number;
  /** Its owner. */
  uid?: number;
  /** Its group. */
  gid?: number;
  /** The host's node, to be lent where none can be made; `path` without it. */
  source?: string;
}

/** How far a clock of a time namespace is from the host's, time_namespaces(7). */
export interface TimeOffset {
  /** Whole seconds. */
  secs: number;
  /** And what is left, in nanoseconds. */
  nanosecs: number;
}

export interface Linux {
  namespaces: Namespace[];
  uidMappings?: IdMapping[];
  gidMappings?: IdMapping[];
  devices?: Device[];
  cgroupsPath?: string;
  sysctl?: Record<string, string>;
  timeOffsets?: { monotonic?: TimeOffset; boottime?: TimeOffset };
  /** The execution domain, personality(2). */
  personality?: { domain: "LINUX" | "LINUX32" };
  rootfsPropagation?: `${"" | "r"}${
    | "private"
    | "slave"
    | "shared"
    | "unbindable"}`;
  maskedPaths?: string[];
  readonlyPaths?: string[];
  /** The SELinux context of the container's mounts. */
  mountLabel?: string;
  resources?: Resources;
  seccomp?: Seccomp;
  /** Interfaces of the host that move into the container, by name. */
  netDevices?: Record<string, NetDevice>;
  intelRdt?: IntelRdt;
  memoryPolicy?: MemoryPolicy;
}

/**
 * The OCI runtime configuration (config.json) of runtime-spec 1.3 as TypeScript
 * types. The flags of `run` are turned into it, and spec/config.ts reads it
 * from a text. No code after that depends on where it came from.
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

/** The command, and the rights and limits that it runs with. */
export interface Process {
  terminal?: boolean;
  /** The size of a new terminal, in characters. */
  consoleSize?: { height: number; width: number };
  user: User;
  args: string[];
  env: string[];
  cwd: string;
  capabilities?: Capabilities;
  noNewPrivileges?: boolean;
  rlimits?: Rlimit[];
  oomScoreAdj?: number;
  /** Set by flags of `run`; config.json has other members for it. */
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
 * A limit of setrlimit(2). -1 means no limit; a value is a bigint if a number
 * would lose digits.
 */
export interface Rlimit {
  /** Such as `RLIMIT_NOFILE`. */
  type: string;
  /** The limit that applies. */
  soft: number | bigint;
  /** The limit up to which the soft one may be raised. */
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

/** A program that runs at a certain point of the container's life. */
export interface Hook {
  path: string;
  /** With the name first, as for execve(2). */
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

/** A mount, or another entry that is made in the root filesystem. */
export interface Mount {
  /** Its path inside. */
  destination: string;
  /** `bind`, or a file system of filesystems(5). */
  type?: string;
  /** The path that is bind mounted, or the file system's source. */
  source?: string;
  /** As for mount(8): `ro`, `rbind`, `nosuid`, `size=64m`. */
  options?: string[];
  /** For an idmapped mount. */
  uidMappings?: IdMapping[];
  /** For an idmapped mount. */
  gidMappings?: IdMapping[];
}

/** The types of namespaces(7), in OCI's spelling. */
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
  /** The path of an existing namespace to join; without it a new one is made. */
  path?: string;
}

/** A range of a uid_map or gid_map, user_namespaces(7). */
export interface IdMapping {
  /** The first id inside. */
  containerID: number;
  /** The first id on the host. */
  hostID: number;
  /** The number of ids. */
  size: number;
}

/** A device node, mknod(2). */
export interface Device {
  /** Character, block, unbuffered character device, or a pipe. */
  type: "c" | "b" | "u" | "p";
  /** Its path inside. */
  path: string;
  /** The major part of its number. */
  major?: number;
  /** The minor part of its number. */
  minor?: number;
  /** Its permissions. */
  fileMode?: number;
  /** Its owner. */
  uid?: number;
  /** Its group. */
  gid?: number;
  /** The host's node that is bind mounted if none can be made; by default `path`. */
  source?: string;
}

/**
 * The difference between a clock of a time namespace and the host's,
 * time_namespaces(7).
 */
export interface TimeOffset {
  /** Whole seconds. */
  secs: number;
  /** The rest, in nanoseconds. */
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

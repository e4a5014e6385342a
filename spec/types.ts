/**
 * The OCI runtime configuration (config.json) as TypeScript: the part of
 * runtime-spec 1.2 that this program carries out. `run` flags compile to it
 * and nothing downstream knows where it came from.
 */

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
}

/** The sets of capabilities(7), by their `CAP_…` names. */
export interface Capabilities {
  bounding?: string[];
  effective?: string[];
  inheritable?: string[];
  permitted?: string[];
  ambient?: string[];
}

/** setrlimit(2); `type` is a `RLIMIT_…` name. */
export interface Rlimit {
  type: string;
  soft: number;
  hard: number;
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

export interface Mount {
  destination: string;
  type?: string;
  source?: string;
  options?: string[];
  uidMappings?: IdMapping[];
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
  containerID: number;
  hostID: number;
  size: number;
}

/** A device node, mknod(2). */
export interface Device {
  type: "c" | "b" | "u" | "p";
  path: string;
  major?: number;
  minor?: number;
  fileMode?: number;
  uid?: number;
  gid?: number;
  /** The host's node, to be lent where none can be made; `path` without it. */
  source?: string;
}

/** How far a clock of a time namespace is from the host's, time_namespaces(7). */
export interface TimeOffset {
  secs: number;
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
  rootfsPropagation?: "private" | "slave" | "shared" | "unbindable";
  maskedPaths?: string[];
  readonlyPaths?: string[];
}

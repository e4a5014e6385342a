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
  /** `RLIMIT_NOFILE` and the like. */
  type: string;
  /** What counts; -1 is without limit. */
  soft: number;
  /** What it may be raised to; -1 is without limit. */
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
}

export interface Linux {
  namespaces: Namespace[];
  uidMappings?: IdMapping[];
  gidMappings?: IdMapping[];
  devices?: Device[];
  cgroupsPath?: string;
  sysctl?: Record<string, string>;
  rootfsPropagation?: "private" | "slave" | "shared" | "unbindable";
  maskedPaths?: string[];
  readonlyPaths?: string[];
}

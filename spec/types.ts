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
  user: User;
  args: string[];
  env: string[];
  cwd: string;
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

export interface Linux {
  namespaces: Namespace[];
}

/**
 * What can be asked of a container, in words of its user: the flags of `run`
 * and the options of the library are both this. lifecycle/spec.ts makes a Spec
 * of it.
 */

import type { Resources } from "../spec/resources.ts";
import type { IdMapping, Mount, NamespaceType, Rlimit } from "../spec/types.ts";

/** A namespace: the host's, a new one, or that behind a path. */
export type NamespaceMode = "host" | "private" | `path:${string}`;

/** A container to be run. */
export interface ContainerOptions {
  /** The root filesystem's directory; `./fs` without it. */
  rootfs?: string;
  /** The command and its arguments. */
  command: string[];
  /** Variables beside, or instead of, the default ones. */
  env?: Record<string, string>;
  /** Start from this process's environment instead of a clean one. */
  hostEnv?: boolean;
  /** Where it starts, inside; `/` without it. */
  workdir?: string;
  hostname?: string;
  /** `name|uid[:group|gid]`, of the root filesystem's own accounts. */
  user?: string;
  /** Further groups, by name or number. */
  groups?: string[];
  /** New, shared or joined; docker's defaults for those not named. */
  namespaces?: Partial<Record<Exclude<NamespaceType, "user">, NamespaceMode>>;
  /** `auto` maps what subuid(5) gives, `private` the caller's own id. */
  userNamespace?: NamespaceMode | "auto";
  uidMap?: IdMapping[];
  gidMap?: IdMapping[];
  /** Beside the default ones, in this order. */
  mounts?: Mount[];
  /** `/proc`, `/dev`, `/sys` and what is below them; on without it. */
  defaultMounts?: boolean;
  /** The root filesystem cannot be changed. */
  readonly?: boolean;
  /** Changes go to memory and are gone with the container. */
  ephemeral?: boolean;
  /** Changes go to this directory. */
  overlay?: string;
  capabilities?: { add?: string[]; drop?: string[] };
  /** Every capability and device, nothing masked, no seccomp. */
  privileged?: boolean;
  /** On without it. */
  noNewPrivileges?: boolean;
  /** A profile's path, `default` or `unconfined`. */
  seccomp?: string;
  rlimits?: Rlimit[];
  umask?: number;
  oomScoreAdj?: number;
  nice?: number;
  cpus?: number[];
  sysctls?: Record<string, string>;
  /** Limits of the kernel's cgroups, in OCI's form. */
  resources?: Resources;
  apparmor?: string;
  selinux?: string;
  /** A terminal of its own. */
  tty?: boolean;
  /** Descriptors from 3 upwards that the command keeps. */
  preserveFds?: number;
  /** Our own program as PID 1; without it the command itself is. */
  init?: boolean;
  /** chroot(2) instead of pivot_root(2). */
  chroot?: boolean;
}

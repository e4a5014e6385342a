/**
 * What can be asked of a container, in words of its user: the flags of `run`
 * and the options of the library are both this. containers/decide/spec.ts makes a Spec
 * of it.
 */

import type { LandlockRules } from "../../plan/process/landlock.ts";
import type { Resources } from "../../spec/resources.ts";
import type {
  IdMapping,
  Mount,
  NamespaceType,
  Rlimit,
  TimeOffset,
} from "../../spec/types.ts";

/** A namespace: the host's, a new one, or that behind a path. */
export type NamespaceMode = "host" | "private" | `path:${string}`;

/** A container to be run. */
export interface ContainerOptions {
  /** The root filesystem: a directory or an image file; `./fs` without it. */
  rootfs?: string;
  /** The command and its arguments. */
  command: string[];
  /** Variables beside, or instead of, the default ones. */
  env?: Record<string, string>;
  /** Start from this process's environment instead of a clean one. */
  hostEnv?: boolean;
  /** Where it starts, inside; `/` without it. */
  workdir?: string;
  /** Its name inside, sethostname(2); `container` without it. */
  hostname?: string;
  /** Its NIS domain name, setdomainname(2). */
  domainname?: string;
  /** Further lines of /etc/hosts. */
  addHosts?: { name: string; address: string }[];
  /** What /etc/resolv.conf says. */
  dns?: { servers?: string[]; search?: string[]; options?: string[] };
  /** `name|uid[:group|gid]`, of the root filesystem's own accounts. */
  user?: string;
  /** Further groups, by name or number. */
  groups?: string[];
  /** New, shared or joined; docker's defaults for those not named. */
  namespaces?: Partial<Record<Exclude<NamespaceType, "user">, NamespaceMode>>;
  /** How far the clocks of a time namespace of its own are off. */
  timeOffsets?: { monotonic?: TimeOffset; boottime?: TimeOffset };
  /** `auto` maps what subuid(5) gives, `private` the caller's own id. */
  userNamespace?: NamespaceMode | "auto";
  /** Which users of the host those inside are, user_namespaces(7). */
  uidMap?: IdMapping[];
  /** Which groups of the host those inside are. */
  gidMap?: IdMapping[];
  /** Beside the default ones, in this order. */
  mounts?: Mount[];
  /** `/proc`, `/dev`, `/sys`, what is below them, and files of `/etc`; on without it. */
  defaultMounts?: boolean;
  /** Devices of the host, or directories of them, at `target` or in their own place. */
  devices?: { source: string; target?: string; access?: string }[];
  /** Bytes of /dev/shm. */
  shmSize?: number;
  /** The root filesystem cannot be changed; `false` lets an image be. */
  readonly?: boolean;
  /** Changes go to memory and are gone with the container. */
  ephemeral?: boolean;
  /** Changes go to this directory. */
  overlay?: string;
  /** Beside, or of, docker's default ones; by their names, or `ALL`. */
  capabilities?: { add?: string[]; drop?: string[] };
  /** Every capability and device, nothing masked, no seccomp. */
  privileged?: boolean;
  /** On without it. */
  noNewPrivileges?: boolean;
  /** A profile's path, `default`, `unconfined`; `learn` and `learn=FILE` for `container run` alone. */
  seccomp?: string;
  /** The execution domain, personality(2). */
  personality?: "LINUX" | "LINUX32";
  /** What Landlock leaves open; nothing is closed without it. */
  landlock?: LandlockRules;
  /** Limits of setrlimit(2). */
  rlimits?: Rlimit[];
  /** What a new file's permissions lack, umask(2). */
  umask?: number;
  /** How soon the kernel kills it when memory runs out, -1000 to 1000. */
  oomScoreAdj?: number;
  /** Its share of the processors beside others, -20 to 19. */
  nice?: number;
  /** The processors that it may run on, by number. */
  cpus?: number[];
  /** Settings below /proc/sys that belong to a namespace of its own. */
  sysctls?: Record<string, string>;
  /** Limits of the kernel's cgroups, in OCI's form. */
  resources?: Resources;
  /** The cgroup that its own is made in; a relative path is as in docs/flags.md. */
  cgroupParent?: string;
  /** The profile that confines it, apparmor(7). */
  apparmor?: string;
  /** The context that confines it, selinux(8). */
  selinux?: string;
  /** A terminal of its own; where left out, if the caller is at a terminal. */
  tty?: boolean;
  /**
   * What becomes of standard streams that are files of the host: `relay`, and
   * without it, has them copied through pipes; `inherit` hands them over.
   */
  streams?: "relay" | "inherit";
  /** Descriptors from 3 upwards that the command keeps. */
  preserveFds?: number;
  /** Our own program as PID 1; without it the command itself is. */
  init?: boolean;
  /** chroot(2) instead of pivot_root(2). */
  chroot?: boolean;
}

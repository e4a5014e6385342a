/**
 * Everything a user can ask of a container: the flags of `run` and the options
 * of the library both become a {@linkcode ContainerOptions}.
 * containers/decide/spec.ts turns it into a Spec. Only types: nothing here
 * runs.
 */

import type { ImageRoot } from "./images/unpacked_image.ts";
import type { NetworkPlaces } from "./networks/join_networks.ts";
import type { PortOptions } from "../../plan/ports.ts";
import type { WayOutChoice } from "./networks/way_out.ts";
import type { LandlockRules } from "../../plan/process/landlock.ts";
import type { Resources } from "../../spec/resources.ts";
import type {
  IdMapping,
  Mount,
  NamespaceType,
  Rlimit,
  TimeOffset,
} from "../../spec/types.ts";

/** A namespace: the host's, a new one, or the one at a path. */
export type NamespaceMode = "host" | "private" | `path:${string}`;

/** The network of another container. */
export interface SharedNetwork {
  /** The ID of that container. */
  container: string;
  /** Its files of names by their path, looked up at each start. */
  files?: Readonly<Record<string, Mount>>;
}

/** The container to run. */
export interface ContainerOptions {
  /** The root filesystem: a directory or an image file. Default: `./fs`. */
  rootfs?: string;
  /** The command and its arguments. */
  command: string[];
  /**
   * Environment variables. They are added to the default ones and override
   * them.
   */
  env?: Record<string, string>;
  /** Start from the environment of this process instead of a clean one. */
  hostEnv?: boolean;
  /** The working directory of the command, inside. Default: `/`. */
  workdir?: string;
  /** The hostname inside, sethostname(2). Default: `container`. */
  hostname?: string;
  /** The NIS domain name inside, setdomainname(2). */
  domainname?: string;
  /** Additional lines of /etc/hosts. */
  addHosts?: { name: string; address: string }[];
  /** The content of /etc/resolv.conf. */
  dns?: { servers?: string[]; search?: string[]; options?: string[] };
  /**
   * `name|uid[:group|gid]`. Names are looked up in the accounts of the root
   * filesystem.
   */
  user?: string;
  /** Supplementary groups, by name or number. */
  groups?: string[];
  /** New, shared with the host, or joined. Default for each type: as docker. */
  namespaces?: Partial<Record<Exclude<NamespaceType, "user">, NamespaceMode>>;
  /** The networks that it is in; its network namespace is a new one. */
  networks?: NetworkPlaces;
  /** A program that is the way out of its network namespace, for users. */
  wayOut?: WayOutChoice;
  /** The container whose network namespace it shares. */
  sharedNetwork?: SharedNetwork;
  /** The ports of the host that lead to it; it needs a network for them. */
  ports?: PortOptions;
  /** Clock offsets of a new time namespace. */
  timeOffsets?: { monotonic?: TimeOffset; boottime?: TimeOffset };
  /**
   * `auto` maps the ranges of subuid(5); `private` maps only the caller's own
   * id.
   */
  userNamespace?: NamespaceMode | "auto";
  /** Maps user ids inside to user ids of the host, user_namespaces(7). */
  uidMap?: IdMapping[];
  /** Maps group ids inside to group ids of the host. */
  gidMap?: IdMapping[];
  /** Mounts in addition to the default ones, in this order. */
  mounts?: Mount[];
  /** The images that mounts of type `image` show, by their sources. */
  images?: Readonly<Record<string, ImageRoot>>;
  /**
   * `/proc`, `/dev`, `/sys` with the mounts below them, and files of `/etc`.
   * Default: true.
   */
  defaultMounts?: boolean;
  /**
   * Devices of the host, or directories of devices. They appear at `target`, by
   * default at the same path.
   */
  devices?: { source: string; target?: string; access?: string }[];
  /** Size of /dev/shm in bytes. */
  shmSize?: number;
  /**
   * Whether the root filesystem is read-only. An image file is writable only
   * with `false`.
   */
  readonly?: boolean;
  /** Changes go to memory and are lost when the container ends. */
  ephemeral?: boolean;
  /** Changes go to this directory. */
  overlay?: string;
  /**
   * Added to, or removed from, docker's default set. Capability names or `ALL`.
   */
  capabilities?: { add?: string[]; drop?: string[] };
  /** All capabilities and devices, no masked paths, no seccomp filter. */
  privileged?: boolean;
  /** Set no_new_privs, prctl(2). Default: true. */
  noNewPrivileges?: boolean;
  /**
   * The path of a profile, `default` or `unconfined`. `container run` also
   * takes `learn` and `learn=FILE`.
   */
  seccomp?: string;
  /** The execution domain, personality(2). */
  personality?: "LINUX" | "LINUX32";
  /** What Landlock allows. Default: Landlock is not used. */
  landlock?: LandlockRules;
  /** Limits of setrlimit(2). */
  rlimits?: Rlimit[];
  /** The permission bits that new files do not get, umask(2). */
  umask?: number;
  /**
   * How likely the kernel kills the process when memory runs out: -1000 to
   * 1000.
   */
  oomScoreAdj?: number;
  /** Scheduling priority compared with other processes: -20 to 19, nice(2). */
  nice?: number;
  /** The CPUs the process may run on, by number. */
  cpus?: number[];
  /**
   * Settings below /proc/sys. Each must belong to a namespace that the
   * container does not share with the host.
   */
  sysctls?: Record<string, string>;
  /** Cgroup limits, in the OCI format. */
  resources?: Resources;
  /**
   * `disabled`: the container gets no cgroup, and can have no limits. Default: a
   * container with limits, or in the background, gets a cgroup.
   */
  cgroups?: "disabled";
  /**
   * The parent of the container's cgroup. docs/flags.md explains relative
   * paths.
   */
  cgroupParent?: string;
  /** The AppArmor profile, apparmor(7). */
  apparmor?: string;
  /** The SELinux context, selinux(8). */
  selinux?: string;
  /**
   * Allocate a terminal for the container. Default: only if the caller is at a
   * terminal.
   */
  tty?: boolean;
  /**
   * How standard streams that are files of the host reach the container:
   * `relay` (the default) copies their data through pipes, `inherit` passes the
   * descriptors.
   */
  streams?: "relay" | "inherit";
  /** How many descriptors, from 3 upwards, the command keeps. */
  preserveFds?: number;
  /** Run this program as PID 1. With `false` the command itself is PID 1. */
  init?: boolean;
  /** With `init`, PID 1 prints `running […] as 1` on standard error. */
  announce?: boolean;
  /** Use chroot(2) instead of pivot_root(2). */
  chroot?: boolean;
}

/** What the compiler knows about the machine and the caller, besides the Spec. */

import type { Rlimit } from "../spec/types.ts";
import type { ImageLayers, MountedImage } from "./mounts/image_layers.ts";
import type { TerminalSettings } from "./process/terminal_settings.ts";
import type { HostStep, Step } from "./step.ts";

/** Which cgroup versions and hierarchies a machine has. */
export type CgroupLayout =
  | { version: 2 }
  /** The controllers of each hierarchy, as `cpu,cpuacct` or `name=systemd`. */
  | {
    version: 1;
    hierarchies: string[];
    /**
     * Without a cgroup namespace: the container's cgroup in each hierarchy, as
     * a directory of the host. Hierarchies without such a cgroup are missing.
     */
    places?: Record<string, string>;
  };

/**
 * What the steps of a command's own process depend on besides the Spec.
 * Gathered by reading, never by doing.
 */
export interface ProcessFacts {
  /** Whether our program stays inside as PID 1. */
  init: boolean;
  /**
   * Whether the process waits before its execve, until another command starts
   * it.
   */
  waits: boolean;
  /** Whether the process goes on when we end. */
  outlives: boolean;
  /** Whether the process joins a container that exists. */
  joins: boolean;
  /**
   * What a process of a sandbox does in the place of a command: `idle` holds the
   * namespaces open, `files` serves the requests for its files.
   */
  serves?: "idle" | "files";
  /** Whether a socket shows the parent that the command has been executed. */
  reports?: true;
  /** HOME for the command, if its environment has no value for it. */
  home?: string;
  /**
   * Whether the command may run on every CPU of its cgroup, and not only on
   * those that we may run on.
   */
  anyCpu: boolean;
  /** Whether standard input is our terminal and we are its foreground process group. */
  foreground: boolean;
  /** Standard streams that the container's own terminal replaces. */
  terminalStreams: number[];
  /** The settings of the caller's terminal, if the container's takes them over. */
  terminalSettings?: TerminalSettings;
  /** Present if no terminal reads the container's terminal: lines end in LF alone. */
  plainLines?: true;
  /** Whether standard error is a terminal of the host. */
  errorsOnTerminal: boolean;
  /** Standard streams that are the host's /dev/null. */
  nullStreams: number[];
  /** Standard streams that are another default device of the host. */
  deviceStreams: { path: string; descriptors: readonly number[] }[];
  /** Standard streams that are pipes made for the container. */
  ownStreams: number[];
  /** Standard streams that are files of the host and that the parent copies. */
  relayedStreams: RelayedStream[];
  /** Where a user namespace is entered: the command's limits that are above ours. */
  raisedLimits: Rlimit[];
  /** Whether setgroups must be denied: the caller is not root and lacks CAP_SETGID. */
  denySetgroups: boolean;
  /** Whether the host's devices are bind mounted because no nodes can be made. */
  bindDevices: boolean;
  /** How processes enter the container's cgroup; null without a cgroup. */
  cgroupEntry: CgroupEntry | null;
  /** Steps on the host that depend on this machine: the cgroup, devices, files. */
  hostSteps: readonly HostStep[];
  /** The compiled seccomp filter, in base64. */
  seccomp: {
    profile: string;
    filter: string;
    flags: number;
    /** Whether the filter reports every call to the parent. */
    learns?: true;
    /** If the filter sends calls to an agent: the mark of calls that it lets pass. */
    notifies?: { mark: string };
  } | null;
  /** The steps of plan/process/landlock.ts, if Landlock rules are asked for. */
  landlock?: readonly Step[];
}

/** What the plan of a new container depends on besides the Spec. */
export interface Facts extends ProcessFacts {
  /** Whether PID 1, if that is our program, first prints `running […] as 1`. */
  announces?: boolean;
  /** The command line and environment that start this program again as the child. */
  self: { argv: string[]; env: string[] };
  /** chroot(2) where pivot_root(2) is impossible (an initramfs), or on request. */
  changeRoot: "pivot_root" | "chroot";
  /** Whether the waiting process would be closed to its own creator. */
  closedToCaller: boolean;
  /** Bind sources that are not directories. */
  files: string[];
  /** Where paths of the Spec lead in a root filesystem that is a directory. */
  places?: {
    /** For a path whose symbolic link leads to nothing: the path that it leads to. */
    ends: Readonly<Record<string, string>>;
    /**
     * For bind mounts whose source is provided by an earlier mount: the path of
     * the source inside, by the mount's number.
     */
    revealed: Readonly<Record<number, string>>;
    /**
     * Directories that root of a user namespace may not enter, and the sources
     * below them.
     */
    closed?: readonly ClosedDirectory[];
  };
  /** Whether the caller may mount in a user namespace only. */
  rootless: boolean;
  /** Whether newuidmap(1) has to map the ids, since we may not. */
  mapHelper: boolean;
  /** Whether a missing working directory is made. */
  makesDirectory: boolean;
  /**
   * Whether devices may be made in the root filesystem itself, where they stay
   * when the container has ended.
   */
  nodesInRoot: boolean;
  /**
   * Whether only the devices of the container's own /dev can be opened. Any
   * other node, made inside or part of an image, cannot.
   */
  confineDevices: boolean;
  /** Whether a user namespace prevents a mount of the host's cgroups. */
  bindCgroups: boolean;
  /** Where the record is, and the container's name; absent if it has none. */
  record?: { directory: string; container?: string };
  /** What can be mounted at /sys/fs/cgroup; null without cgroups. */
  cgroups: CgroupLayout | null;
  /**
   * The host's mount options of the v2 tree, if the container mounts it without
   * a cgroup namespace of its own. Such a mount sets the options of the whole
   * machine, and the kernel drops the options that are missing.
   */
  unifiedFlags: string[];
  /**
   * What the root filesystem is: a directory, the host's own tree, an empty
   * root in memory, a file system in an image file, or the layers of an image.
   */
  rootKind: "directory" | "host" | "empty" | "image" | "layers";
  /** The top entries of the host's tree, if each gets a layer for changes. */
  hostTree?: readonly HostEntry[] | null;
  /** The layers of the image that is the root filesystem. */
  layers?: ImageLayers & { name: string };
  /** The images that mounts of type `image` show, by the path inside. */
  mountedImages?: Readonly<Record<string, MountedImage>>;
  /** The volumes that are made or filled for it. */
  volumes?: readonly VolumeFact[];
  /** The image file, and the type of file system in it. */
  image: { image: string; type: string; readonly: boolean } | null;
  /** Whether the command keeps the caller's session keyring. */
  keepKeyring?: boolean;
  /** The writable layer over the root filesystem: in memory, or in directories. */
  overlay: {
    upper: string | null;
    work: string | null;
    /** Directories to make, parents first. */
    missing?: readonly string[];
  } | null;
}

/** A volume of the store. */
export interface VolumeFact {
  directory: string;
  /** The file whose lock is held around changes of the store. */
  lock: string;
  labels: Readonly<Record<string, string>>;
  options: Readonly<Record<string, string>>;
  anonymous: boolean;
  /** The directory of the host that it shows instead of its own. */
  device?: string;
  /** The path inside from which an empty one is filled; null for nothing. */
  place: string | null;
  /** Where it goes if it ends with the container. */
  garbage?: string;
}

/** One pipe that the parent fills or empties. */
export interface RelayedStream {
  /** Several descriptors if they are the same open file: one pipe keeps the order. */
  descriptors: readonly number[];
}

/** A directory of the host, and the sources of mounts below it. */
export interface ClosedDirectory {
  directory: string;
  sources: { path: string; kind: "directory" | "file" }[];
}

/**
 * An entry of the host's `/`. A `kept` entry stays the host's, unchanged. A
 * `place` is a mountpoint for a mount of the container.
 */
export type HostEntry =
  & { path: string }
  & (
    | { kind: "directory" | "kept" | "file" | "place" }
    | { kind: "link"; to: string }
  );

/** The files by which a process enters a container's cgroup, and returns to ours. */
export interface CgroupEntry {
  /** In each v1 tree: the file to write "0" to. */
  join: string[];
  /**
   * In the v2 tree: the directory of the cgroup. A process can be created in
   * it, or write to its cgroup.procs.
   */
  directory: string | null;
  /**
   * In all these trees: the files to write to for the cgroups that this process
   * is in; none if they cannot be seen.
   */
  back: string[];
}

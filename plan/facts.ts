/** What the compiler is told beside the Spec. */

import type { Rlimit } from "../spec/types.ts";
import type { Step } from "./step.ts";

/** How this machine has its cgroups. */
export type CgroupLayout =
  | { version: 2 }
  /** The controllers of each, as `cpu,cpuacct` or `name=systemd`. */
  | {
    version: 1;
    hierarchies: string[];
    /**
     * Without a cgroup namespace: the container's cgroup in each, a directory
     * of the host's. What it is not in is left out.
     */
    places?: Record<string, string>;
  };

/** What a plan depends on beside the Spec: found out by reading, never by doing. */
export interface Facts {
  /** The words that start this program again as the child. */
  self: { argv: string[]; env: string[] };
  /** chroot(2) where pivot_root(2) cannot be (an initramfs), or on request. */
  changeRoot: "pivot_root" | "chroot";
  /** Standard input is our terminal and we are its foreground process group. */
  foreground: boolean;
  /** Standard streams that a terminal of the container's own replaces. */
  terminalStreams: number[];
  /** Standard error is a terminal of the host. */
  errorsOnTerminal: boolean;
  /** Our own program stays inside as PID 1. */
  init: boolean;
  /**
   * It is created now and started by another command: it waits before its
   * execve, and lives on when we have ended.
   */
  held: boolean;
  /** Its process would be closed to its own creator while it waits. */
  closedToCaller?: boolean;
  /** It joins a container that is there; `detached` lives on when we have ended. */
  joins?: { detached: boolean };
  /** Bind sources that are not directories. */
  files: string[];
  /** Where paths of the Spec lead in a root filesystem that is a directory. */
  places?: {
    /** By a path that ends at nothing, because of a link: what it leads to. */
    ends: Readonly<Record<string, string>>;
    /** By the number of a bind mount whose source an earlier mount shows: its path inside. */
    revealed: Readonly<Record<number, string>>;
    /** Directories that root of a user namespace may not enter, with the sources below. */
    closed?: readonly ClosedDirectory[];
  };
  /** The caller may mount in a user namespace only. */
  rootless?: boolean;
  /** Ids are mapped by newuidmap(1): we may not ourselves. */
  mapHelper: boolean;
  /** Standard streams that are the host's /dev/null. */
  nullStreams: number[];
  /** Standard streams that are another of the devices that every container has. */
  deviceStreams: { path: string; descriptors: readonly number[] }[];
  /** Standard streams that are pipes made for the container. */
  ownStreams: number[];
  /** Standard streams that are files of the host, and that the parent copies. */
  relayedStreams: RelayedStream[];
  /** Limits of the command that are above ours, where a user namespace is entered. */
  raisedLimits: Rlimit[];
  /** Neither root nor CAP_SETGID: setgroups has to be given up. */
  denySetgroups: boolean;
  /** Device nodes cannot be made, so the host's are bind mounted. */
  bindDevices: boolean;
  /**
   * No device can be opened but those of the container's own /dev: a node made
   * inside, or one that lies in an image, is a file like any other.
   */
  confineDevices: boolean;
  /** The ways into the cgroup to be made. */
  cgroupEntry: CgroupEntry | null;
  /** A user namespace keeps the host's cgroups from being mounted. */
  bindCgroups: boolean;
  /** The cgroup to be made. */
  cgroup: { path: string; writes: { file: string; value: string }[] } | null;
  /** What can be mounted at /sys/fs/cgroup; null where there are none. */
  cgroups: CgroupLayout | null;
  /**
   * What the tree of v2 is mounted with on the host, where the container mounts
   * it without a cgroup namespace of its own: whoever does that says so for the
   * whole machine, and the kernel drops what is not said.
   */
  unifiedFlags: string[];
  /** The seccomp filter, compiled, in base64. */
  seccomp: {
    profile: string;
    filter: string;
    flags: number;
    /** It reports every call to the parent. */
    learns?: true;
    /** It puts calls to an agent; calls with the mark it lets pass. */
    notifies?: { mark: string };
  } | null;
  /** The steps of plan/process/landlock.ts, which few ask for. */
  landlock?: readonly Step[];
  /**
   * What the root filesystem is: a directory, the host's own tree, nothing but
   * what is put there, or a file system in a file.
   */
  rootKind: "directory" | "host" | "empty" | "image";
  /** What the host's tree has at its top, where changes to it go over each. */
  hostTree?: readonly HostEntry[] | null;
  /** The file, and what is in it. */
  image: { image: string; type: string; readonly: boolean } | null;
  /** It is an engine's: what is missing in it is for the runtime to make. */
  isBundle?: boolean;
  /** What is written to its terminal is read by no terminal: lines end in LF alone. */
  plainLines?: true;
  /** The session keyring stays the caller's. */
  keepKeyring?: boolean;
  /** What goes between the root filesystem and the container. */
  overlay: { upper: string | null; work: string | null } | null;
}

/** One pipe that the parent fills or empties. */
export interface RelayedStream {
  /** More than one where they are the same open file: their order is kept. */
  descriptors: readonly number[];
}

/** A directory of the host, and what lies below it that is to be mounted. */
export interface ClosedDirectory {
  directory: string;
  sources: { path: string; kind: "directory" | "file" }[];
}

/**
 * An entry of the host's `/`; one that is kept is the host's, unchanged, and a
 * place is for a mount of the container's.
 */
export type HostEntry =
  & { path: string }
  & (
    | { kind: "directory" | "kept" | "file" | "place" }
    | { kind: "link"; to: string }
  );

/** The ways into a container's cgroup, and back to ours. */
export interface CgroupEntry {
  /** In each tree of v1, the file to write "0" to. */
  join: string[];
  /** In the tree of v2, its directory: a process can be born there, or write to the cgroup.procs in it. */
  directory: string | null;
  /** The files to write to for the cgroups that this process is in, in all these trees; none where they cannot be seen. */
  back: string[];
}

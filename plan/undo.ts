/**
 * How the host becomes as it was: what takes back a step of the host phase, as
 * plain data. It is recorded before the step is carried out, so that any later
 * command can take the step back (launch/host/undo.ts).
 */

import type { HostsChange } from "./network.ts";
import type { IdMapping } from "../spec/types.ts";

/** The IDs of the host that the files of a user's containers belong to. */
export interface OwnerMaps {
  /** The map of user ids. */
  uids: readonly IdMapping[];
  /** The map of group ids. */
  gids: readonly IdMapping[];
  /** newuidmap(1) writes the maps. */
  helper: boolean;
}

/** One operation. Done twice, it does nothing the second time. */
export type UndoOperation =
  /** Ends the processes in a container's own cgroup, and removes it. */
  | {
    undo: "removeCgroup";
    version: 1 | 2;
    path: string;
    /** v1: the container's cgroup in the tree that can freeze. */
    freezer?: string;
    /** Its name contains a random ID, so nothing else has it. */
    unique?: true;
    /** It existed before the step: it stays unless the container has started. */
    found?: true;
  }
  /** rmdir(2) of a cgroup above the container's, unless it is in use. */
  | { undo: "leaveCgroup"; path: string }
  /** rmdir(2) of a directory of resctrl. */
  | { undo: "removeClass"; path: string }
  /** rmdir(2) of a directory on disk, unless something is in it. */
  | {
    undo: "removeEmpty";
    path: string;
    /** Directories in it that the kernel makes, and that count as nothing. */
    inside?: readonly string[];
  }
  /**
   * A directory in a store of images, with everything in it: rename(2) into the
   * store's garbage, then removal. Without an identity, since its name contains
   * a random ID.
   */
  | {
    undo: "discard";
    path: string;
    into: string;
    /** A user's files, which may belong to subordinate IDs. */
    owners?: OwnerMaps;
  }
  /** unlink(2). */
  | { undo: "removeFile"; path: string }
  /** unlink(2) of a file, unless something has been written to it. */
  | { undo: "removeUnwritten"; path: string }
  /** Moves a network device back; at a container's end the kernel does. */
  | { undo: "returnDevice"; name: string; as: string }
  /** Gives the address of a container in a network back. */
  | { undo: "leaveNetwork"; records: string; id: string; container: string }
  /** Sets ip_forward back if we have set it and no container is in a network. */
  | { undo: "restoreForwarding"; records: string; note: string }
  /** Removes /etc/hosts of a container, and its names from those of others. */
  | { undo: "removeHosts"; path: string }
  /** Ends the process that holds a container's ports, and removes their record. */
  | { undo: "releasePorts"; path: string }
  /** Removes ports from the firewall, and forgets their connections. */
  | { undo: "withdrawPorts"; path: string }
  /** Sets the networks in /etc/hosts of a container back. */
  | ({ undo: "changeHosts"; records: string } & HostsChange)
  /** Ends the program that is the way out of a user's container. */
  | { undo: "endWayOut"; mark: string }
  /**
   * Removes the record of a container that the resolver serves. The resolver
   * itself forgets it when its first process ends.
   */
  | { undo: "leaveResolver"; path: string }
  /** Removes the record of all undos, with its directory, after the others. */
  | { undo: "removeRecord" };

/**
 * What takes a step back. `kernel`: the kernel does, when the last process or
 * descriptor ends. `kept`: it stays on purpose.
 */
export type Undo = readonly UndoOperation[] | "kernel" | "kept";

/** The fields of every step of the host phase. */
export interface Undoable {
  /** What takes the step back. */
  undo: Undo;
  /** Done in addition if the container does not start. */
  ifFailed?: readonly UndoOperation[];
}

/**
 * A file or directory itself, whatever its name: another program may have made
 * one of the same name since.
 */
export interface Identity {
  device: number;
  inode: number;
}

/** A recorded operation. */
export interface RecordedUndo {
  operation: UndoOperation;
  /** Only if the container has not started. */
  ifFailed?: true;
  /** What the step has made, recorded once it exists. */
  made?: Identity;
}

/** A process. Its PID can be used again; with the start time and the boot it cannot. */
export interface Owner {
  pid: number;
  /** In ticks since boot, proc_pid_stat(5). */
  startTime: string;
  boot: string;
}

/** Everything that a start has to take back, in the order of its steps. */
export interface HostRecord {
  /** The process that carries out the steps. */
  owner: Owner;
  /** The container has started: what belongs to failed starts stays. */
  started?: true;
  undos: RecordedUndo[];
}

/** The operations of a step, as they are recorded before the first step. */
export const undosOf = (
  { undo, ifFailed = [] }: Undoable,
): RecordedUndo[] => [
  ...(typeof undo === "string" ? [] : undo)
    .filter((operation) => operation.undo !== "removeRecord")
    .map((operation) => ({ operation })),
  ...ifFailed.map((operation): RecordedUndo => ({
    operation,
    ifFailed: true,
  })),
];

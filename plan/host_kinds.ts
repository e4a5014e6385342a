/** The kinds of step of the host phase: what the parent does on the host. */

import type { IdMapping } from "../spec/types.ts";
import type { MountAttribute, Propagation } from "./mounts/words.ts";

/** The fields of each kind, besides `why` and `man`. */
export type HostKinds = {
  /** pipe2(2): replaces standard streams by a pipe that the parent fills or empties. */
  relayStream: { descriptors: readonly number[]; input: boolean };
  /** Writing /proc/PID/uid_map and gid_map, or newuidmap(1) and newgidmap(1). */
  mapIds: {
    uids: readonly IdMapping[];
    gids: readonly IdMapping[];
    helper: boolean;
    denySetgroups: boolean;
  };
  /**
   * open_tree(2) and mount_setattr(2) MOUNT_ATTR_IDMAP: a mount with mapped
   * ids, handed to PID 1 as a descriptor.
   */
  mapMount: {
    source: string;
    recursive: boolean;
    /** Whether the mounts below it are mapped as well. */
    mapsBelow: boolean;
    /** Whether it receives the host's later mounts; it never sends mounts to the host. */
    propagation: Propagation;
    uids: readonly IdMapping[];
    gids: readonly IdMapping[];
    descriptor: number;
  };
  /**
   * ioctl(2) LOOP_CONFIGURE, fsopen(2), fsmount(2): the file system in an image
   * file, handed to PID 1 as a descriptor.
   */
  mountImage: {
    image: string;
    type: string;
    readonly: boolean;
    descriptor: number;
  };
  /**
   * fsopen(2): a tmpfs with a copy of the directory that it will cover, handed
   * to PID 1 as a descriptor.
   */
  copyUp: {
    /** The path of the root filesystem on the host. */
    root: string;
    /** The path of the directory inside the root filesystem. */
    place: string;
    options: readonly string[];
    attributes: readonly MountAttribute[];
    /**
     * Whether it is made in a user namespace, since the caller may not mount
     * elsewhere.
     */
    inside: boolean;
    /** The container's user namespace. */
    namespace?: {
      uids: readonly IdMapping[];
      gids: readonly IdMapping[];
      helper: boolean;
      denySetgroups: boolean;
      /** The path of an existing namespace, whose ids are already mapped. */
      path?: string;
    };
    descriptor: number;
  };
  /** mkdir(2) and writes of limits in the cgroup file system. */
  makeCgroup: {
    path: string;
    writes: readonly { file: string; value: string }[];
  };
};

/** What the parent does on the host: the kinds of step of that phase. */

import type { IdMapping } from "../spec/types.ts";
import type { MountAttribute, Propagation } from "./mounts/words.ts";

/** What each of them says beside `why` and `man`. */
export type HostKinds = {
  /** pipe2(2): in the place of standard streams, filled or emptied by the parent. */
  relayStream: { descriptors: readonly number[]; input: boolean };
  /** Writing /proc/PID/uid_map and gid_map, or newuidmap(1) and newgidmap(1). */
  mapIds: {
    uids: readonly IdMapping[];
    gids: readonly IdMapping[];
    helper: boolean;
    denySetgroups: boolean;
  };
  /** open_tree(2) and mount_setattr(2) MOUNT_ATTR_IDMAP: handed over under a number. */
  mapMount: {
    source: string;
    recursive: boolean;
    /** The mounts below it are mapped as well. */
    mapsBelow: boolean;
    /** How the host's later mounts spread to it; never from it to the host. */
    propagation: Propagation;
    uids: readonly IdMapping[];
    gids: readonly IdMapping[];
    descriptor: number;
  };
  /** ioctl(2) LOOP_CONFIGURE, fsopen(2), fsmount(2): handed over under a number. */
  mountImage: {
    image: string;
    type: string;
    readonly: boolean;
    descriptor: number;
  };
  /** fsopen(2) of a tmpfs, and what lies at its place copied: handed over under a number. */
  copyUp: {
    /** The root filesystem, on the host. */
    root: string;
    /** Inside it. */
    place: string;
    options: readonly string[];
    attributes: readonly MountAttribute[];
    /** It is made in a user namespace, by whom nothing may be mounted else. */
    inside: boolean;
    /** The user namespace of the container. */
    namespace?: {
      uids: readonly IdMapping[];
      gids: readonly IdMapping[];
      helper: boolean;
      denySetgroups: boolean;
      /** One that is there: its ids are mapped. */
      path?: string;
    };
    descriptor: number;
  };
  /** mkdir(2) and limits in the cgroup file system. */
  makeCgroup: {
    path: string;
    writes: readonly { file: string; value: string }[];
  };
};

/**
 * The steps of a cgroup plan as plain data. They are carried out on the host
 * before the container exists. Pure.
 *
 * @module
 */

import type { CgroupEntry } from "../plan/facts.ts";
import type { Property } from "./systemd/dbus.ts";
import type { DeviceRule } from "../spec/resources.ts";

/** A directory in one tree. All groups together are the container's cgroup. */
export interface CgroupGroup {
  version: 1 | 2;
  /** The controllers in use there. */
  controllers: string[];
  path: string;
}

/** A step on the host. */
export type CgroupStep =
  & { why: string; man: string }
  & (
    | { step: "makeDirectory"; path: string }
    | {
      step: "write";
      path: string;
      value: string;
      /** Skip the step if the file does not exist. */
      optional?: true;
      instead?: { path: string; value: string };
    }
    /** Copies the value of a file above. */
    | { step: "copy"; from: string; path: string }
    | { step: "attachDevices"; path: string; rules: DeviceRule[] }
  );

/** A systemd unit that contains a cgroup. */
export interface CgroupScope {
  /** The systemd manager that makes the unit. */
  manager: Manager;
  unit: string;
  slice: string;
  /** The unit's cgroup. */
  path: string;
  /** A cgroup inside it for our own process, next to the command's. */
  own: string;
  /** Further properties for systemd. */
  properties: readonly Property[];
}

/** Everything about a cgroup before it is made. Can be stored as JSON. */
export interface CgroupPlan {
  id: string;
  /** Empty if no cgroup can be made and none is required. */
  groups: CgroupGroup[];
  /** In order. */
  steps: CgroupStep[];
  /** The directories that the steps make, parents first. */
  made: string[];
  /** The systemd unit to start first. */
  scope?: CgroupScope;
  /** How a process joins, and how it returns to our cgroups. */
  entry: CgroupEntry | null;
}

/**
 * The controllers that are needed in one tree; for `required` with the purpose.
 */
export interface Need {
  required: Map<string, string>;
  optional: Set<string>;
}

/** References to documentation. */
export const MAN = {
  1: "cgroups(7)",
  2: "cgroups(7), cgroup-v2 in the kernel's documentation",
} as const;

/** A systemd manager: the system's or a user's. */
export interface Manager {
  /** The path of its socket. */
  socket: string;
  /** The socket is the manager's own, without a bus daemon. */
  direct: boolean;
  /** The user that it belongs to. */
  uid: number;
  /** The cgroup that contains its units, relative to the top of the tree. */
  cgroup: string;
}

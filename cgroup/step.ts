/**
 * The vocabulary of a cgroup's plan: plain data, what is made on the host
 * before a container is. Pure.
 *
 * @module
 */

import type { CgroupEntry } from "../plan/facts.ts";
import type { Property } from "./systemd/dbus.ts";
import type { DeviceRule } from "../spec/resources.ts";

/** A directory in one tree: all of them together are the container's cgroup. */
export interface CgroupGroup {
  version: 1 | 2;
  /** The controllers in use there. */
  controllers: string[];
  path: string;
}

/** One thing to do on the host. */
export type CgroupStep =
  & { why: string; man: string }
  & (
    | { step: "makeDirectory"; path: string }
    | {
      step: "write";
      path: string;
      value: string;
      /** A file that is missing does no harm. */
      optional?: true;
      instead?: { path: string; value: string };
    }
    /** What a file above says. */
    | { step: "copy"; from: string; path: string }
    | { step: "attachDevices"; path: string; rules: DeviceRule[] }
  );

/** A unit of systemd that a cgroup is in. */
export interface CgroupScope {
  /** Who is to make it. */
  manager: Manager;
  unit: string;
  slice: string;
  /** Its cgroup. */
  path: string;
  /** The cgroup in it that is not the command's. */
  own: string;
  /** What systemd is told of it beside that. */
  properties: readonly Property[];
}

/** Everything about a cgroup before it is made; fit for a file. */
export interface CgroupPlan {
  id: string;
  /** Empty where none can be made and nothing needs one. */
  groups: CgroupGroup[];
  /** In order. */
  steps: CgroupStep[];
  /** The directories that the steps make, parents first. */
  made: string[];
  /** What systemd has to make first. */
  scope?: CgroupScope;
  /** How a process gets in, and back to where we are. */
  entry: CgroupEntry | null;
}

/** What is wanted of one tree: controllers, and for `required` what for. */
export interface Need {
  required: Map<string, string>;
  optional: Set<string>;
}

/** Where to read on. */
export const MAN = {
  1: "cgroups(7)",
  2: "cgroups(7), cgroup-v2 in the kernel's documentation",
} as const;

/** A manager of systemd: the system's, or a user's. */
export interface Manager {
  /** Where it listens. */
  socket: string;
  /** The socket is its own, and no bus between us. */
  direct: boolean;
  /** Whose it is. */
  uid: number;
  /** The cgroup of the units that it has, from the top of the tree. */
  cgroup: string;
}

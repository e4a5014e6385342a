/**
 * The steps of a cgroup plan as plain data. launch/host carries them out before
 * the container exists. Pure.
 *
 * @module
 */

import type { CgroupEntry } from "../plan/facts.ts";
import type { Manager } from "../plan/host_kinds.ts";
import type { StepOf } from "../plan/step.ts";

/** A directory in one tree. All groups together are the container's cgroup. */
export interface CgroupGroup {
  version: 1 | 2;
  /** The controllers in use there. */
  controllers: string[];
  path: string;
}

/** A step on the host that makes a cgroup. */
export type CgroupStep = StepOf<
  | "makeDirectory"
  | "takeCgroup"
  | "writeHostFile"
  | "fillCpuset"
  | "attachDevices"
  | "giveCgroup"
  | "startScope"
>;

/** A systemd unit that contains a cgroup. */
export type CgroupScope = Pick<
  StepOf<"startScope">,
  "manager" | "unit" | "slice" | "path" | "own" | "properties"
>;

/** Everything about a cgroup before it is made. Can be stored as JSON. */
export interface CgroupPlan {
  id: string;
  /** Empty if no cgroup can be made and none is required. */
  groups: CgroupGroup[];
  /** In order. */
  steps: CgroupStep[];
  /** The systemd unit that the first step starts. */
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

export type { Manager };

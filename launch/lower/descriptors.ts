/** What a process of ours finds open, and where. */

import { CGROUPS_FROM } from "../../plan/cgroup.ts";
import {
  HOST_MOUNTS_FROM,
  PRESERVED_FROM,
} from "../../plan/mounts/host_mounts.ts";

/** What the parent reads beside the descriptor of the container's terminal. */
export const TERMINAL_NEWS = 4;

/** What a walker is called by its first word. */
export const WALKER_NAME = "walker";

/** The numbers under which a process of ours is handed its descriptors. */
export const DESCRIPTOR = {
  /** The plan, as JSON: for the child. */
  plan: 3,
  /** The compiled plan once more: for a walker that executes itself again. */
  again: 3,
  /** A socket to the parent. */
  status: 4,
  /** Our own executable: for the child. */
  self: 5,
  /** The root of a container that is joined. */
  root: 3,
  /** A pidfd of that container's first process. */
  process: 5,
  /** The FIFO that a container which is held is started through. */
  start: 5,
  /** Whose other end only the parent holds. */
  lifeline: 6,
  /** The compiled plan: for the walker, which closes it. */
  walk: 7,
  /** The directory of the cgroup that PID 1 is born in. */
  cgroup: 8,
  /** From here on: the ways into the container's cgroup. */
  cgroups: CGROUPS_FROM,
  /** From here on: mounts that were made on the host, unless they are many. */
  mounts: HOST_MOUNTS_FROM,
  /** From here on: what the command keeps. */
  preserved: PRESERVED_FROM,
} as const;

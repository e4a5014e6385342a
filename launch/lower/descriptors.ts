/** The descriptor numbers that our processes pass to one another. */

import { CGROUPS_FROM } from "../../plan/cgroup.ts";
import {
  HOST_MOUNTS_FROM,
  PRESERVED_FROM,
} from "../../plan/mounts/host_mounts.ts";

/** The message byte that comes with the container's terminal. */
export const TERMINAL_NEWS = 4;

/** The walker's argv[0]. */
export const WALKER_NAME = "walker";

/** The descriptor numbers of the processes that we start. */
export const DESCRIPTOR = {
  /** The handover file: for the child. */
  plan: 3,
  /**
   * The compiled plan again: for a walker that executes itself a second time.
   */
  again: 3,
  /** A socket to the parent. */
  status: 4,
  /** Our own executable: for the child. */
  self: 5,
  /** The root of the container to join. */
  root: 3,
  /** A pidfd of that container's PID 1. */
  process: 5,
  /** The FIFO through which `start` continues a created container. */
  start: 5,
  /** A pipe; only the parent holds its write end. */
  lifeline: 6,
  /** The compiled plan: for the walker, which closes it. */
  walk: 7,
  /** The directory of the cgroup in which PID 1 is created. */
  cgroup: 8,
  /**
   * First of the files through which a process enters the container's cgroups.
   */
  cgroups: CGROUPS_FROM,
  /** First of the mounts that were made on the host, unless there are many. */
  mounts: HOST_MOUNTS_FROM,
  /** First of the descriptors that the command keeps. */
  preserved: PRESERVED_FROM,
} as const;

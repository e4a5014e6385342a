/**
 * The part of a container's record that only `run --detach` and `run --name`
 * write. Only types and constants: nothing here runs.
 */

import type { ImageRoot } from "../decide/images/image_root.ts";
import type { ContainerOptions } from "../decide/options.ts";

/** When to start a container again after it has ended. */
export interface RestartPolicy {
  name: "no" | "on-failure" | "always" | "unless-stopped";
  /** For `on-failure`: the maximum number of restarts; 0 means no limit. */
  maximum: number;
}

/** What `run` records in addition to the OCI commands. */
export interface DailyRecord {
  name: string;
  labels: Record<string, string>;
  /** The options, from which the container is made again at each start. */
  options: ContainerOptions;
  /** Its root filesystem, absolute. */
  rootfs: string;
  /** The image that is its root filesystem. */
  image?: ImageRoot;
  /** A keeper waits for it, and not the command that started it. */
  detached: boolean;
  /** Its standard input stays open. */
  interactive: boolean;
  /** It is removed when it ends. */
  autoRemove: boolean;
  restart: RestartPolicy;
  stopSignal: number;
  /** Seconds from the stop signal to SIGKILL. */
  stopTimeout: number;
  /** Size in bytes at which the log starts over; 0 means no limit. */
  logMax: number;
  /**
   * The process that waits for its end: the keeper, or the command in the
   * foreground.
   */
  keeper: { pid: number; startTime: string } | null;
  /**
   * The command that has been attached since the start and removes the
   * container at its end (`autoRemove`).
   */
  front?: { pid: number; startTime: string };
  /** RFC 3339; null before its first start. */
  started: string | null;
  /** How often its restart policy has started it again. */
  restarts: number;
  /** Milliseconds before the next restart if it ends soon. */
  delay: number;
  /** A user has asked it to stop, so no policy starts it again. */
  stopping: boolean;
  /** Why it could not be restarted. */
  problem?: string;
}

/** How a container ended. */
export interface End {
  /** The status as a shell shows it: 128+n if signal n killed it. */
  code: number;
  /** RFC 3339. */
  finished: string;
  /**
   * Bytes of output that the log had no room for, if the log itself does not
   * say so.
   */
  unwritten: number;
}

/**
 * Docker's delay before the first restart, in milliseconds. It doubles each
 * time.
 */
export const FIRST_DELAY = 100;
/** Docker's longest delay. */
export const LAST_DELAY = 60_000;
/** Docker's time from a stop signal to SIGKILL, in seconds. */
export const STOP_TIMEOUT = 10;

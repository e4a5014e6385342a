/** What is kept of a container that `run --detach` or `run --name` made. */

import type { ContainerOptions } from "../decide/options.ts";

/** When a container is started again after its end. */
export interface RestartPolicy {
  name: "no" | "on-failure" | "always" | "unless-stopped";
  /** Of `on-failure`: how often at most; 0 for without end. */
  maximum: number;
}

/** What the OCI commands know nothing of. */
export interface DailyRecord {
  name: string;
  labels: Record<string, string>;
  /** What it is made of, each time it is started. */
  options: ContainerOptions;
  /** Its root filesystem, absolute. */
  rootfs: string;
  /** It has a keeper, and not the command that started it. */
  detached: boolean;
  /** Its standard input does not end. */
  interactive: boolean;
  /** It goes when it ends. */
  autoRemove: boolean;
  restart: RestartPolicy;
  stopSignal: number;
  /** Seconds from that to SIGKILL. */
  stopTimeout: number;
  /** Bytes of the log before it is begun anew; 0 for no end. */
  logMax: number;
  /** Who waits for its end: the keeper, or the command in the foreground. */
  keeper: { pid: number; startTime: string } | null;
  /** Who is attached since its start, and takes it away at its end (`autoRemove`). */
  front?: { pid: number; startTime: string };
  /** RFC 3339; null before its first start. */
  started: string | null;
  /** How often its policy has started it again. */
  restarts: number;
  /** Milliseconds before it is started again, where it ends soon. */
  delay: number;
  /** Somebody has asked for its end: no policy starts it again. */
  stopping: boolean;
  /** Why it could not be started again. */
  problem?: string;
}

/** How it ended. */
export interface End {
  /** As a shell says it: 128 and the signal's number where one killed it. */
  code: number;
  /** RFC 3339. */
  finished: string;
  /** Bytes of the log that had no room, where the log does not tell itself. */
  unwritten: number;
}

/** Docker's delay before the first restart, in milliseconds; each next one is double. */
export const FIRST_DELAY = 100;
/** Its longest. */
export const LAST_DELAY = 60_000;
/** Docker's time from a stop signal to SIGKILL, in seconds. */
export const STOP_TIMEOUT = 10;

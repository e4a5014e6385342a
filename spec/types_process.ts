/** The rarer members of `process` in config.json. */

/** ioprio_set(2). */
export interface IOPriority {
  class: "IOPRIO_CLASS_RT" | "IOPRIO_CLASS_BE" | "IOPRIO_CLASS_IDLE";
  /** 0 is first, 7 last. */
  priority: number;
}

/** sched_setattr(2). */
export interface Scheduler {
  policy:
    | "SCHED_OTHER"
    | "SCHED_FIFO"
    | "SCHED_RR"
    | "SCHED_BATCH"
    | "SCHED_ISO"
    | "SCHED_IDLE"
    | "SCHED_DEADLINE";
  nice?: number;
  /** Of SCHED_FIFO and SCHED_RR. */
  priority?: number;
  flags?: SchedulerFlag[];
  /** Nanoseconds, of SCHED_DEADLINE, as the two that follow. */
  runtime?: number;
  deadline?: number;
  period?: number;
}

export type SchedulerFlag =
  | "SCHED_FLAG_RESET_ON_FORK"
  | "SCHED_FLAG_RECLAIM"
  | "SCHED_FLAG_DL_OVERRUN"
  | "SCHED_FLAG_KEEP_POLICY"
  | "SCHED_FLAG_KEEP_PARAMS"
  | "SCHED_FLAG_UTIL_CLAMP_MIN"
  | "SCHED_FLAG_UTIL_CLAMP_MAX";

/** Which CPUs a process that `exec` adds runs on: lists such as `0-3,7`. */
export interface ExecCPUAffinity {
  /** Until it has joined the container's cgroup. */
  initial?: string;
  /** From then on. */
  final?: string;
}

/** The less common members of `process` in config.json. */

/** ioprio_set(2). */
export interface IOPriority {
  class: "IOPRIO_CLASS_RT" | "IOPRIO_CLASS_BE" | "IOPRIO_CLASS_IDLE";
  /** From 0, the highest, to 7, the lowest. */
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
  /** For SCHED_FIFO and SCHED_RR. */
  priority?: number;
  flags?: SchedulerFlag[];
  /** For SCHED_DEADLINE, in nanoseconds, like the two members below. */
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

/** The CPUs of a process that `exec` adds, as lists such as `0-3,7`. */
export interface ExecCPUAffinity {
  /** Until the process has joined the container's cgroup. */
  initial?: string;
  /** From then on. */
  final?: string;
}

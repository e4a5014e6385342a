/** The less common members of `process` in config.json. */

/** ioprio_set(2). */
export interface IOPriority {
  /** The class, which comes before the priority. */
  class: "IOPRIO_CLASS_RT" | "IOPRIO_CLASS_BE" | "IOPRIO_CLASS_IDLE";
  /** From 0, the highest, to 7, the lowest. */
  priority: number;
}

/** sched_setattr(2). */
export interface Scheduler {
  /** The policy, sched(7). */
  policy:
    | "SCHED_OTHER"
    | "SCHED_FIFO"
    | "SCHED_RR"
    | "SCHED_BATCH"
    | "SCHED_ISO"
    | "SCHED_IDLE"
    | "SCHED_DEADLINE";
  /** For SCHED_OTHER and SCHED_BATCH, from -20, the highest, to 19. */
  nice?: number;
  /** For SCHED_FIFO and SCHED_RR. */
  priority?: number;
  /** Flags of the call. */
  flags?: SchedulerFlag[];
  /** For SCHED_DEADLINE: the CPU time in each period, in nanoseconds. */
  runtime?: number;
  /** For SCHED_DEADLINE: by when it is needed, in nanoseconds. */
  deadline?: number;
  /** For SCHED_DEADLINE: the length of a period, in nanoseconds. */
  period?: number;
}

/** A flag of sched_setattr(2). */
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

/**
 * Lowering of the scheduler, I/O priority and memory policy of config.json. The
 * numbers are those of linux/ioprio.h, linux/sched.h and linux/mempolicy.h.
 */

import type { Lowering } from "./lowering.ts";
import type { Scheduler } from "../../spec/types_process.ts";

const IOPRIO_WHO_PROCESS = 1;
const IOPRIO_CLASS_SHIFT = 13;
const IOPRIO_CLASS = {
  IOPRIO_CLASS_RT: 1,
  IOPRIO_CLASS_BE: 2,
  IOPRIO_CLASS_IDLE: 3,
} as const;

const POLICY = {
  SCHED_OTHER: 0,
  SCHED_FIFO: 1,
  SCHED_RR: 2,
  SCHED_BATCH: 3,
  SCHED_ISO: 4,
  SCHED_IDLE: 5,
  SCHED_DEADLINE: 6,
} as const;

const SCHEDULER_FLAG = {
  SCHED_FLAG_RESET_ON_FORK: 0x01,
  SCHED_FLAG_RECLAIM: 0x02,
  SCHED_FLAG_DL_OVERRUN: 0x04,
  SCHED_FLAG_KEEP_POLICY: 0x08,
  SCHED_FLAG_KEEP_PARAMS: 0x10,
  SCHED_FLAG_UTIL_CLAMP_MIN: 0x20,
  SCHED_FLAG_UTIL_CLAMP_MAX: 0x40,
} as const;

/** SCHED_ATTR_SIZE_VER0. */
const SCHED_ATTR_SIZE = 48;

const MODE = {
  MPOL_DEFAULT: 0,
  MPOL_PREFERRED: 1,
  MPOL_BIND: 2,
  MPOL_INTERLEAVE: 3,
  MPOL_LOCAL: 4,
  MPOL_PREFERRED_MANY: 5,
  MPOL_WEIGHTED_INTERLEAVE: 6,
} as const;

const MODE_FLAG = {
  MPOL_F_STATIC_NODES: 1 << 15,
  MPOL_F_RELATIVE_NODES: 1 << 14,
  MPOL_F_NUMA_BALANCING: 1 << 13,
} as const;

/** The names that config.json may use, for the list of features. */
export const MEMORY_POLICY = {
  modes: Object.keys(MODE),
  flags: Object.keys(MODE_FLAG),
} as const;

/** The largest MAX_NUMNODES of any kernel. */
const NODES = 1024;

/** struct sched_attr of sched_setattr(2), version 0. */
function schedulerAttributes(
  { policy, nice = 0, priority = 0, flags = [], ...deadline }: Scheduler,
): Uint8Array {
  const bytes = new Uint8Array(SCHED_ATTR_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, SCHED_ATTR_SIZE, true);
  view.setUint32(4, POLICY[policy], true);
  view.setBigUint64(
    8,
    BigInt(flags.reduce((all, flag) => all | SCHEDULER_FLAG[flag], 0)),
    true,
  );
  view.setInt32(16, nice, true);
  view.setUint32(20, priority, true);
  view.setBigUint64(24, BigInt(deadline.runtime ?? 0), true);
  view.setBigUint64(32, BigInt(deadline.deadline ?? 0), true);
  view.setBigUint64(40, BigInt(deadline.period ?? 0), true);
  return bytes;
}

export const lowerSchedule: Lowering<
  "setIoPriority" | "setScheduler" | "setMemoryPolicy"
> = {
  setIoPriority: ({ class: kind, priority }) => [{
    name: "ioprio_set",
    args: [
      IOPRIO_WHO_PROCESS,
      0,
      IOPRIO_CLASS[kind] << IOPRIO_CLASS_SHIFT | priority,
    ],
  }],
  setScheduler: (step) => [{
    name: "sched_setattr",
    args: [0, schedulerAttributes(step), 0],
  }],
  setMemoryPolicy: ({ mode, nodes, flags }) => {
    const mask = new Uint8Array(NODES / 8);
    for (const node of nodes) mask[node >> 3]! |= 1 << (node & 7);
    const word = flags.reduce<number>(
      (all, flag) => all | MODE_FLAG[flag],
      MODE[mode],
    );
    return [{
      name: "set_mempolicy",
      // The kernel takes the number of bits plus one.
      args: nodes.length ? [word, mask, NODES + 1] : [word, null, 0],
    }];
  },
};

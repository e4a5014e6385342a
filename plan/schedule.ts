/**
 * Processors, disks and memory nodes of the user's process, as config.json has
 * them: process.ioPriority, process.scheduler and linux.memoryPolicy. Pure.
 */

import { SpecError } from "../spec/errors.ts";
import type { Spec } from "../spec/types.ts";
import type { Step } from "./step.ts";

/** The largest number of nodes that a kernel can be built for. */
const MAX_NODES = 1024;

/** `0-3,7`, which the reader of config.json has found well-formed. */
export function nodeNumbers(list: string): number[] {
  return list.split(",").filter(Boolean).flatMap((part) => {
    const [first = 0, last = first] = part.split("-").map(Number);
    if (last >= MAX_NODES) {
      throw new SpecError(
        `linux.memoryPolicy.nodes: no kernel has a node ${last}`,
        {
          hint: "/sys/devices/system/node/online shows those of this machine.",
        },
      );
    }
    return Array.from(
      { length: Math.max(0, last - first + 1) },
      (_, index) => first + index,
    );
  });
}

/** Taken while the process still has the right to raise itself. */
export function schedule({ process, linux }: Spec): Step[] {
  const { ioPriority, scheduler } = process;
  const { memoryPolicy } = linux;
  return [
    ...(ioPriority
      ? [
        {
          step: "setIoPriority",
          ...ioPriority,
          why: "its turn at the disks beside others",
          man: "ioprio_set(2)",
        } as const,
      ]
      : []),
    ...(scheduler
      ? [
        {
          step: "setScheduler",
          ...scheduler,
          why: "how the kernel gives it the processors",
          man: "sched_setattr(2), sched(7)",
        } as const,
      ]
      : []),
    ...(memoryPolicy
      ? [
        {
          step: "setMemoryPolicy",
          mode: memoryPolicy.mode,
          nodes: nodeNumbers(memoryPolicy.nodes ?? ""),
          flags: memoryPolicy.flags ?? [],
          why: "the memory nodes that the kernel takes its pages from",
          man: "set_mempolicy(2), numa(7)",
        } as const,
      ]
      : []),
  ];
}

/**
 * Processors, disks and memory nodes of the user's process, as config.json has
 * them: process.ioPriority, process.scheduler and linux.memoryPolicy. Pure.
 */

import { SpecError } from "../../spec/errors.ts";
import type { Spec } from "../../spec/types.ts";
import type { Facts } from "../facts.ts";
import type { Step } from "../step.ts";

/** As many nodes, or processors, as a mask of ours has. */
const MOST = 1024;

/**
 * `0-3,7`, which the reader of config.json has found well-formed.
 *
 * @throws {SpecError} for a number that no kernel has
 */
export function numbersIn(list: string, place: string): number[] {
  return list.split(",").filter(Boolean).flatMap((part) => {
    const [first = 0, last = first] = part.split("-").map(Number);
    if (last >= MOST) {
      throw new SpecError(`${place}: no kernel has a number ${last}`, {
        hint:
          "/sys/devices/system/node/online and cpu/online show what is there.",
      });
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
          nodes: numbersIn(
            memoryPolicy.nodes ?? "",
            "linux.memoryPolicy.nodes",
          ),
          flags: memoryPolicy.flags ?? [],
          why: "the memory nodes that the kernel takes its pages from",
          man: "set_mempolicy(2), numa(7)",
        } as const,
      ]
      : []),
  ];
}

/**
 * The processors of a process that `exec` adds, process.execCPUAffinity: before
 * it is in the container's cgroup, or from then on.
 */
export function affinity(
  { process: { execCPUAffinity } }: Spec,
  when: "initial" | "final",
): Step[] {
  const list = execCPUAffinity?.[when];
  if (!list) return [];
  return [{
    step: "setAffinity",
    cpus: numbersIn(list, `process.execCPUAffinity.${when}`),
    why: when === "initial"
      ? "the processors that it takes until it is in the container's cgroup"
      : "the processors that the command may run on",
    man: "sched_setaffinity(2)",
  }];
}

/**
 * The caller's processors are not the container's: an engine is pinned for its
 * own reasons, and the cgroup says where the container may run. Our own `run`
 * leaves them as they are, like any program that starts another, unless it is
 * told of processors.
 */
export function forgetAffinity(
  { process, linux }: Spec,
  { isBundle }: Pick<Facts, "isBundle">,
): Step[] {
  const { scheduling, execCPUAffinity } = process;
  if (scheduling?.cpus || execCPUAffinity?.final) return [];
  if (!isBundle && !linux.resources?.cpu?.cpus) return [];
  return [{
    step: "setAffinity",
    cpus: "all",
    why:
      "all the processors of its cgroup, whichever of them the caller was bound to",
    man: "sched_setaffinity(2), cpuset(7)",
  }];
}

/**
 * How the user's process uses processors, disks and memory nodes, as
 * config.json sets it: process.ioPriority, process.scheduler,
 * process.execCPUAffinity and linux.memoryPolicy. Pure.
 */

import { SpecError } from "../../spec/errors.ts";
import type { Spec } from "../../spec/types.ts";
import type { ProcessFacts } from "../facts.ts";
import type { Step } from "../step.ts";

/** How many memory nodes or processors one of our masks can hold. */
const MOST = 1024;

/**
 * The numbers in a list such as `0-3,7`, which the reader of config.json has
 * found well-formed.
 *
 * @throws {SpecError} for a number that no kernel has
 */
export function numbersIn(list: string, place: string): number[] {
  return list.split(",").filter(Boolean).flatMap((part) => {
    const [first = 0, last = first] = part.split("-").map(Number);
    if (last >= MOST) {
      throw new SpecError(`${place}: the number ${last} is too large`, {
        hint: "See /sys/devices/system/node/online and cpu/online.",
      });
    }
    return Array.from(
      { length: Math.max(0, last - first + 1) },
      (_, index) => first + index,
    );
  });
}

/** Sets priorities while the process still has the right to raise its own. */
export function schedule({ process, linux }: Spec): Step[] {
  const { ioPriority, scheduler } = process;
  const { memoryPolicy } = linux;
  return [
    ...(ioPriority
      ? [
        {
          step: "setIoPriority",
          ...ioPriority,
          why: "the command's I/O priority relative to other processes",
          man: "ioprio_set(2)",
        } as const,
      ]
      : []),
    ...(scheduler
      ? [
        {
          step: "setScheduler",
          ...scheduler,
          why: "the policy by which the kernel schedules the command",
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
          why:
            "the memory nodes from which the kernel allocates the command's pages",
          man: "set_mempolicy(2), numa(7)",
        } as const,
      ]
      : []),
  ];
}

/**
 * The processors of a process that `exec` adds, process.execCPUAffinity:
 * `initial` until it is in the container's cgroup, `final` from then on.
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
      ? "the CPUs that this process uses until it is in the container's cgroup"
      : "the CPUs that the command can run on",
    man: "sched_setaffinity(2)",
  }];
}

/**
 * Lets the command run on all processors of its cgroup, if the cgroup and not
 * the caller decides where it may run.
 */
export function forgetAffinity(
  { process }: Spec,
  { anyCpu }: Pick<ProcessFacts, "anyCpu">,
): Step[] {
  const { scheduling, execCPUAffinity } = process;
  if (!anyCpu || scheduling?.cpus || execCPUAffinity?.final) return [];
  return [{
    step: "setAffinity",
    cpus: "all",
    why: "all CPUs of the cgroup, regardless of the caller's affinity",
    man: "sched_setaffinity(2), cpuset(7)",
  }];
}

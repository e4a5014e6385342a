/**
 * Plans linux.intelRdt: a share of the CPU caches and memory bandwidth, through
 * the resctrl file system. Only reads. Runs on the host, in the command that
 * creates the container. Loaded only if it is requested.
 */

import type { HostStep } from "../../../plan/step.ts";
import { SpecError } from "../../../spec/errors.ts";
import type { IntelRdt } from "../../../spec/types_linux.ts";
import type { World } from "../../world/world.ts";

const MAN = "resctrl in the kernel's documentation";

/** The mount point of resctrl. */
function findResctrl(world: World): string {
  const line = world.readText("/proc/self/mountinfo").split("\n")
    .find((line) => / - resctrl /.test(line));
  const path = line?.split(" ")[4];
  if (path) return path;
  throw new SpecError("linux.intelRdt: no resctrl file system is mounted", {
    hint:
      "If the processor supports RDT, mount it at /sys/fs/resctrl; otherwise remove linux.intelRdt.",
  });
}

const UNDO_CLASS = (path: string) => [{ undo: "removeClass", path } as const];

/**
 * The steps that put the first process into the requested class of service.
 * Only reads.
 *
 * @throws {SpecError} if the machine has no resctrl or the class is invalid
 */
export function planClass(
  { closID, schemata = [], l3CacheSchema, memBwSchema, ...rest }: IntelRdt,
  id: string,
  world: World,
): HostStep[] {
  const root = findResctrl(world);
  if (closID !== undefined && !/^(?!\.\.?$)[^/\0]+$/.test(closID)) {
    throw new SpecError(
      `linux.intelRdt.closID: ${
        JSON.stringify(closID)
      } is not a valid directory name`,
    );
  }
  const path = `${root}/${closID ?? id}`;
  const lines = [l3CacheSchema, memBwSchema, ...schemata]
    .flatMap((text) => text?.split("\n") ?? []).filter(Boolean);
  const { enableMonitoring, enableCMT, enableMBM } = rest;
  const group = `${path}/mon_groups/${id}`;
  const join = (directory: string): HostStep => ({
    step: "joinClass",
    path: `${directory}/tasks`,
    why: "a process is in one class, and its later children follow",
    man: MAN,
    undo: "kernel",
  });
  return [
    {
      step: "makeDirectory",
      path,
      why: "a class of service has a share of the caches and of the bandwidth",
      man: MAN,
      // A class with a name in the configuration may be shared, so it stays.
      undo: closID === undefined ? UNDO_CLASS(path) : "kept",
    },
    ...lines.map((line): HostStep => ({
      step: "writeHostFile",
      path: `${path}/schemata`,
      value: `${line}\n`,
      why: "the share of the class",
      man: MAN,
      undo: closID === undefined ? "kernel" : "kept",
    })),
    join(path),
    ...(enableMonitoring || enableCMT || enableMBM
      ? [
        {
          step: "makeDirectory",
          path: group,
          why: "counts what the container uses",
          man: MAN,
          undo: UNDO_CLASS(group),
        } as const,
        join(group),
      ]
      : []),
  ];
}

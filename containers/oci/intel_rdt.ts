/**
 * linux.intelRdt: a share of the CPU caches and memory bandwidth, through the
 * resctrl file system. Runs on the host, in the command that creates the
 * container, while its first process waits. Loaded only if it is requested. See
 * resctrl in the kernel's documentation.
 */

import { readFile, writeFile } from "../../cgroup/apply.ts";
import { ContainerError, SpecError } from "../../spec/errors.ts";
import type { IntelRdt } from "../../spec/types_linux.ts";

/** The mount point of resctrl. */
function findResctrl(): string {
  const line = readFile("/proc/self/mountinfo")?.split("\n")
    .find((line) => / - resctrl /.test(line));
  const path = line?.split(" ")[4];
  if (path) return path;
  throw new SpecError("linux.intelRdt: no resctrl file system is mounted", {
    hint:
      "If the processor supports RDT, mount it at /sys/fs/resctrl; otherwise remove linux.intelRdt.",
  });
}

/** Creates a directory; false if it exists. */
function make(path: string): boolean {
  try {
    Deno.mkdirSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw new ContainerError(`Cannot create ${path}: ${reason(error)}`, {
      hint:
        "The processor has a limited number of classes of service; see info/*/num_closids in resctrl.",
      cause: error,
    });
  }
}

const reason = (error: unknown) =>
  error instanceof Error ? error.message : String(error);

function write(path: string, text: string): void {
  try {
    writeFile(path, text);
  } catch (error) {
    throw new ContainerError(
      `Cannot write ${JSON.stringify(text)} to ${path}: ${reason(error)}`,
      { hint: "See info/last_cmd_status in resctrl.", cause: error },
    );
  }
}

/**
 * Puts a process into the requested class of service.
 *
 * @param made called with each directory of the container before it is used
 * @throws {SpecError} if the machine has no resctrl or the class is invalid,
 * {ContainerError} if the kernel refuses it
 */
export function joinClass(
  { closID, schemata = [], l3CacheSchema, memBwSchema, ...rest }: IntelRdt,
  { id, pid, made }: {
    id: string;
    pid: number;
    made: (path: string) => void;
  },
): void {
  const root = findResctrl();
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
  const isNew = make(path);
  // A class with a name in the configuration may be shared, so it stays.
  if (isNew && closID === undefined) made(path);
  for (const line of lines) write(`${path}/schemata`, `${line}\n`);
  write(`${path}/tasks`, String(pid));
  const { enableMonitoring, enableCMT, enableMBM } = rest;
  if (enableMonitoring || enableCMT || enableMBM) {
    const group = `${path}/mon_groups/${id}`;
    if (make(group)) made(group);
    write(`${group}/tasks`, String(pid));
  }
}

/** Removes the container's directories, the last one first. */
export function leaveClass(paths: readonly string[]): void {
  for (const path of paths.toReversed()) {
    try {
      Deno.removeSync(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

/**
 * The status of a container, runtime-spec "State". Runs on the host, in the
 * command's process.
 */

import { Cgroup } from "../../cgroup/mod.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { O, open } from "../../ffi/fcntl.ts";
import { OCI_VERSION } from "../../spec/defaults.ts";
import type { ContainerRecord, Entry, Status } from "./store.ts";

/** The state as in the runtime-spec, with the members that runc adds. */
export interface State {
  ociVersion: string;
  id: string;
  pid: number;
  status: Status;
  bundle: string;
  rootfs: string;
  created: string;
  annotations?: Record<string, string>;
  owner: string;
}

/** The word by which its user knows a container: its name, or else its id. */
export const nameOf = (
  { id, daily }: Pick<ContainerRecord, "id" | "daily">,
): string => daily?.name ?? id;

/** A status as the end of a sentence about a container: `has exited`. */
export const stateVerb = (status: string): string =>
  /^(exited|stopped)$/.test(status) ? `has ${status}` : `is ${status}`;

/**
 * Whether a process waits for `start` at this fifo, fifo(7). The existence of
 * the fifo is no proof: the command that started the container may have been
 * killed before it removed the fifo.
 */
function waits(fifo: string): boolean {
  try {
    using _way = open(fifo, O.O_WRONLY | O.O_NONBLOCK);
    return true;
  } catch (error) {
    if (error instanceof SyscallError) {
      if (error.code === "ENOENT" || error.code === "ENXIO") return false;
    }
    throw error;
  }
}

/** Finds the status by looking at the process, not only at the record. */
export function statusOf(entry: Entry): Status {
  const { pid, cgroup, creating } = entry.record;
  if (pid === 0 || creating) return "creating";
  if (!entry.isAlive()) return "stopped";
  if (cgroup && new Cgroup(cgroup).isFrozen()) return "paused";
  return waits(entry.fifo) ? "created" : "running";
}

/** The state of a container, with its current status or a given one. */
export function stateOf(entry: Entry, status = statusOf(entry)): State {
  const { id, pid, bundle, created, spec } = entry.record;
  return {
    ociVersion: OCI_VERSION,
    id,
    pid: status === "stopped" ? 0 : pid,
    status,
    bundle,
    rootfs: spec.root.path,
    created,
    ...(spec.annotations ? { annotations: spec.annotations } : {}),
    owner: "",
  };
}

/** The output of the `state` command. */
export const stateText = (state: State): string =>
  `${JSON.stringify(state, null, 2)}\n`;

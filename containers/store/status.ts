/** What a container is doing, runtime-spec "State". Runs on the host. */

import { Cgroup } from "../../cgroup/mod.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { O, open } from "../../ffi/fcntl.ts";
import { OCI_VERSION } from "../../spec/defaults.ts";
import type { Entry, Status } from "./store.ts";

/** The state as runtime-spec has it, with what runc adds. */
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

/**
 * Whether somebody waits to be started through it, fifo(7). That it is there
 * says less: who started the container may have been killed before taking it
 * away.
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

/** Looks at the process, not at what was once written of it. */
export function statusOf(entry: Entry): Status {
  const { pid, cgroup, creating } = entry.record;
  if (pid === 0 || creating) return "creating";
  if (!entry.isAlive()) return "stopped";
  if (cgroup && new Cgroup(cgroup).isFrozen()) return "paused";
  return waits(entry.fifo) ? "created" : "running";
}

/** The state of a container, now or with a status that it may come to have. */
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

/** What `state` prints. */
export const stateText = (state: State): string =>
  `${JSON.stringify(state, null, 2)}\n`;

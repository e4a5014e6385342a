/** start: the execve of a container that was created. Runs on the host. */

import { O, open, writeAll } from "../../ffi/fcntl.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { ContainerError } from "../../spec/errors.ts";
import { runHooks } from "./hooks.ts";
import { stateOf, statusOf } from "./status.ts";
import type { Store } from "./store.ts";

/** Starts it; fails where it is not waiting. */
export async function start(store: Store, id: string): Promise<void> {
  using entry = store.open(id);
  const status = statusOf(entry);
  if (status !== "created") {
    throw new ContainerError(
      status === "stopped"
        ? `cannot start a container that has stopped: ${id}`
        : `cannot start an already running container: ${id}`,
    );
  }
  try {
    // Without a reader this fails at once: nobody waits any more.
    using fifo = open(entry.fifo, O.O_WRONLY | O.O_NONBLOCK);
    writeAll(fifo.fd, new Uint8Array(1));
  } catch (error) {
    if (!(error instanceof SyscallError) || error.code !== "ENXIO") throw error;
    throw new ContainerError(
      `cannot start a container that has stopped: ${id}`,
    );
  }
  await Deno.remove(entry.fifo);
  await runHooks("poststart", entry.record.spec, stateOf(entry));
}

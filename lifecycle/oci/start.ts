/** start: the execve of a container that was created. Runs on the host. */

import { O, open, writeAll } from "../../ffi/fcntl.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { ContainerError } from "../../spec/errors.ts";
import { destroy } from "./end.ts";
import { tryHooks, type Warn } from "./hooks.ts";
import { stateOf, statusOf } from "./status.ts";
import type { Store } from "./store.ts";

/**
 * Starts it. Where a hook of startContainer fails, it is ended and gone.
 *
 * @throws {ContainerError} where it is not waiting, or such a hook fails
 */
export async function start(
  store: Store,
  id: string,
  warn: Warn,
): Promise<void> {
  using entry = store.open(id);
  const status = statusOf(entry);
  if (status !== "created") {
    throw new ContainerError(
      status === "stopped"
        ? `cannot start a container that has stopped: ${id}`
        : `cannot start an already running container: ${id}`,
    );
  }
  const { spec } = entry.record;
  if (spec.hooks?.startContainer?.length) {
    try {
      await (await import("./inner_hooks.ts")).runStartContainer(entry);
    } catch (error) {
      await destroy(entry, warn);
      throw error;
    }
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
  await tryHooks("poststart", spec, stateOf(entry), warn);
}

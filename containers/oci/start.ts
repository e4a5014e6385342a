/** start: the execve of a container that was created. Runs on the host. */

import { ContainerError } from "../../spec/errors.ts";
import { destroy } from "./end.ts";
import { runHooks, type Warn } from "./hooks/hooks.ts";
import { letGo, whyStopped } from "./let_go.ts";
import type { NotifyRelay } from "./notify_socket.ts";
import { type State, stateOf, statusOf } from "../store/status.ts";
import type { Entry, Store } from "../store/store.ts";

/**
 * Starts it. Where a hook of startContainer or poststart fails, it is ended and
 * gone. Where it has a socket for sd_notify(3), waits until it is ready.
 *
 * @param notify the socket of our own, NOTIFY_SOCKET
 * @throws {ContainerError} where it is not waiting, or such a hook fails
 */
export async function start(
  store: Store,
  id: string,
  { warn, notify }: { warn: Warn; notify?: string },
): Promise<void> {
  let relay: NotifyRelay | null = null;
  try {
    const entry = await startLocked(store, id, async (entry) => {
      relay = notify
        ? (await import("./notify_socket.ts")).NotifyRelay
          .open(entry, notify, warn)
        : null;
    }, warn);
    // Others may have business with it from here on, hooks among them.
    await poststart(store, entry, stateOf(entry, "running"), warn);
    await (relay as NotifyRelay | null)
      ?.finish(entry.record.pid, () => entry.isAlive());
  } finally {
    (relay as NotifyRelay | null)?.[Symbol.dispose]();
  }
}

/**
 * Hooks that follow its start. Of one that fails, runtime-spec 1.3 has the
 * container stopped and destroyed; the versions before had a warning.
 */
async function poststart(
  store: Store,
  { record: { id, spec } }: Entry,
  state: State,
  warn: Warn,
): Promise<void> {
  try {
    await runHooks("poststart", spec, state);
  } catch (error) {
    // Somebody else, the hook among them, may have deleted it.
    using entry = store.find(id);
    if (entry) await destroy(entry, warn);
    throw error;
  }
}

/** Up to where it runs, while no other command may touch it. */
async function startLocked(
  store: Store,
  id: string,
  before: (entry: Entry) => Promise<void>,
  warn: Warn,
): Promise<Entry> {
  using entry = await store.openWhenFree(id);
  const status = statusOf(entry);
  if (status === "stopped") throw whyStopped(entry);
  if (status === "paused") {
    throw new ContainerError(`cannot start a paused container: ${id}`, {
      hint: `\`container resume ${id}\` lets it go on.`,
    });
  }
  if (status !== "created") {
    throw new ContainerError(
      `cannot start an already running container: ${id}`,
    );
  }
  await before(entry);
  const { spec } = entry.record;
  if (spec.hooks?.startContainer?.length) {
    try {
      await (await import("./hooks/inner_hooks.ts")).runStartContainer(entry);
    } catch (error) {
      await destroy(entry, warn);
      throw error;
    }
  }
  await letGo(entry);
  await Deno.remove(entry.fifo);
  return entry;
}

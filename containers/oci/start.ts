/**
 * start: lets a created container execute its command. Runs on the host, in the
 * start command.
 */

import { ContainerError } from "../../spec/errors.ts";
import { destroy } from "./end.ts";
import { runHooks, type Warn } from "./hooks/hooks.ts";
import { letGo, whyStopped } from "./let_go.ts";
import type { NotifyRelay } from "./notify_socket.ts";
import { type State, stateOf, statusOf } from "../store/status.ts";
import type { Entry, Store } from "../store/store.ts";

/**
 * Starts a container. If a hook of startContainer or poststart fails, the
 * container is ended and removed. If it has a socket for sd_notify(3), waits
 * until it is ready.
 *
 * @param notify the value of NOTIFY_SOCKET, this program's own socket
 * @throws {ContainerError} if the container is not waiting, or such a hook
 * fails
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
    // From here on the container is unlocked, for other commands and for hooks.
    await poststart(store, entry, stateOf(entry, "running"), warn);
    await (relay as NotifyRelay | null)
      ?.finish(entry.record.pid, () => entry.isAlive());
  } finally {
    (relay as NotifyRelay | null)?.[Symbol.dispose]();
  }
}

/**
 * Runs the hooks that follow the start. If one fails, runtime-spec 1.3 demands
 * that the container is stopped and destroyed; earlier versions demanded a
 * warning.
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
    // Another command, or the hook itself, may have deleted the container.
    using entry = store.find(id);
    if (entry) await destroy(entry, warn);
    throw error;
  }
}

/** Starts the container while it is locked against other commands. */
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
      hint: `\`container resume ${id}\` resumes it.`,
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

/**
 * kill, as in docker: sends a signal to a container's first process. Runs on
 * the host, in the process of the command.
 */

import { SIGNAL } from "../../ffi/signal.ts";
import { ContainerError } from "../../spec/errors.ts";
import { endRest } from "../oci/end.ts";
import { nameOf } from "../store/status.ts";
import { isAlive, sendSignal, type Store } from "../store/store.ts";
import { tellKeeper } from "./attachment.ts";
import { noteStopping } from "./stop.ts";

/**
 * Sends a signal, by default SIGKILL. After SIGKILL or the container's stop
 * signal, no policy starts it again.
 *
 * @throws {ContainerError} if the container does not run
 */
export function killContainer(
  store: Store,
  id: string,
  number: number = SIGNAL.SIGKILL,
): void {
  using entry = store.open(id);
  const { record } = entry;
  if (!isAlive(record)) {
    throw new ContainerError(`container not running: ${nameOf(record)}`, {
      hint: "`container ps -a` shows how it ended.",
    });
  }
  if (number === SIGNAL.SIGKILL || number === record.daily?.stopSignal) {
    noteStopping(entry);
    if (record.daily?.detached) tellKeeper(entry.path, "s");
  }
  if (!sendSignal(record, number)) {
    throw new ContainerError(`container not running: ${nameOf(record)}`);
  }
  if (number === SIGNAL.SIGKILL) endRest(record);
}

/**
 * Waits for processes that are not children of this process. Runs on the host,
 * in the process of the command.
 */

import { Descriptor } from "../../ffi/fcntl.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import { POLL, waitForAny } from "../../ffi/poll.ts";
import { ContainerError } from "../../spec/errors.ts";
import { type ContainerRecord, isAlive, type Store } from "../store/store.ts";
import { endOf } from "./exit_record.ts";
import { isKept } from "./view.ts";

type Known = Pick<ContainerRecord, "pid" | "startTime" | "boot">;

/**
 * Waits until a recorded process has ended, pidfd_open(2).
 *
 * @param milliseconds the longest wait; -1 for no limit
 * @returns whether it has ended
 */
export async function awaitEnd(
  process: Known,
  milliseconds: number,
): Promise<boolean> {
  if (!isAlive(process)) return true;
  const fd = rawSyscall("pidfd_open", process.pid, 0);
  if (fd < 0) return !isAlive(process);
  using _closed = new Descriptor(fd);
  // The pid may have been reused before pidfd_open.
  if (!isAlive(process)) return true;
  const [happened = 0] = await waitForAny(
    [{ fd, events: POLL.POLLIN }],
    milliseconds,
  );
  return happened !== 0 || !isAlive(process);
}

/** The longest wait for a keeper to record an end, in milliseconds. */
const KEEPER = 5000;

/** Waits until a container's keeper has finished its work after the end. */
export async function awaitKeeper(record: ContainerRecord): Promise<void> {
  const { daily, boot } = record;
  if (!daily?.keeper || !isKept(record)) return;
  await awaitEnd({ ...daily.keeper, boot }, KEEPER);
}

/** Milliseconds between two checks whether the keeper has recorded the end. */
const PATIENCE = 5;

/** The longest time that a start takes, in milliseconds. */
const START = 5000;

/**
 * Waits until a container in the background has ended and returns its status.
 * If it has ended already, that is the status of its last run.
 *
 * @throws {ContainerError} if the container was never started, or nobody has
 * recorded its end
 */
export async function statusOfEnd(store: Store, id: string): Promise<number> {
  const record = await started(store, id);
  const find = () => endOf(`${store.root}/${id}`, record);
  await awaitEnd(record, -1);
  // A container of --rm still exists for a moment after its end.
  for (let kept = true;;) {
    const end = find();
    if (end) return end.code;
    if (!kept) throw gone(id);
    kept = isKept(record);
    await new Promise((resolve) => setTimeout(resolve, PATIENCE));
  }
}

/**
 * The record of a container with a process. Between two runs it has none for a
 * moment.
 */
async function started(store: Store, id: string): Promise<ContainerRecord> {
  const patience = performance.now() + START;
  for (;;) {
    const record = store.peek(id);
    if (!record) throw gone(id);
    if (record.pid !== 0) return record;
    if (performance.now() > patience) {
      throw new ContainerError(`Cannot wait for ${id}: it was never started`, {
        hint: `Start it: container start ${id}`,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, PATIENCE));
  }
}

const gone = (id: string) =>
  new ContainerError(
    `Cannot find out how ${id} ended: its exit status was not recorded`,
    { hint: "Its keeper was killed, or it does not have one." },
  );

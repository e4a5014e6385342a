/** Waiting for processes that are not our children. Runs on the host. */

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
 * @param milliseconds how long at most; -1 for ever
 * @returns whether it has
 */
export async function awaitEnd(
  process: Known,
  milliseconds: number,
): Promise<boolean> {
  if (!isAlive(process)) return true;
  const fd = rawSyscall("pidfd_open", process.pid, 0);
  if (fd < 0) return !isAlive(process);
  using _closed = new Descriptor(fd);
  // The number may have become another's before it was a descriptor.
  if (!isAlive(process)) return true;
  const [happened = 0] = await waitForAny(
    [{ fd, events: POLL.POLLIN }],
    milliseconds,
  );
  return happened !== 0 || !isAlive(process);
}

/** How long a keeper may take to write down an end, in milliseconds. */
const KEEPER = 5000;

/** Waits until a container's keeper has done all that it does after the end. */
export async function awaitKeeper(record: ContainerRecord): Promise<void> {
  const { daily, boot } = record;
  if (!daily?.keeper || !isKept(record)) return;
  await awaitEnd({ ...daily.keeper, boot }, KEEPER);
}

/** Between two looks at whether the keeper has written it down, in milliseconds. */
const PATIENCE = 5;

/** How long a start may take, in milliseconds. */
const START = 5000;

/**
 * Waits for a container in the background: the status of its end, or of the one
 * that it has had.
 */
export async function statusOfEnd(store: Store, id: string): Promise<number> {
  const record = await started(store, id);
  const find = () => endOf(`${store.root}/${id}`, record);
  await awaitEnd(record, -1);
  // A container of --rm is there for a moment longer than its end.
  for (let kept = true;;) {
    const end = find();
    if (end) return end.code;
    if (!kept) throw gone(id);
    kept = isKept(record);
    await new Promise((resolve) => setTimeout(resolve, PATIENCE));
  }
}

/** Between two starts it has no process for a moment. */
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
    `Cannot tell how ${id} ended: nobody has written it down`,
    { hint: "Its keeper was killed, or it has none." },
  );

/** Waiting for processes that are not our children. Runs on the host. */

import { Descriptor } from "../../ffi/fcntl.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import { POLL, waitForAny } from "../../ffi/poll.ts";
import { type ContainerRecord, isAlive } from "../oci/store.ts";
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

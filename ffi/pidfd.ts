/** pidfd_open(2): a process as a descriptor. */

import { ERRNO, errnoName, SyscallError } from "./errno.ts";
import { EPOLL, forget, whenReady } from "./epoll.ts";
import { Descriptor } from "./fcntl.ts";
import { rawSyscall, syscall } from "./libc.ts";
import { wait, type WaitStatus, WNOHANG } from "./wait.ts";

/** pidfd_open(2). */
export const openPidfd = (pid: number) =>
  new Descriptor(syscall("pidfd_open", pid, 0));

/**
 * Sends a signal to the process with this pid if it is the right one; returns
 * false if it is not, or has ended. A later process with the same pid never
 * gets the signal.
 *
 * @param isMeant checks that the process with this pid is the right one
 */
export function signalProcess(
  pid: number,
  signal: number,
  isMeant: () => boolean,
): boolean {
  const fd = rawSyscall("pidfd_open", pid, 0);
  if (fd === -ERRNO.ESRCH) return false;
  if (fd < 0) throw new SyscallError("pidfd_open", errnoName(-fd));
  using process = new Descriptor(fd);
  // Checked after the open: the descriptor stands for the process that is
  // checked.
  if (!isMeant()) return false;
  const result = rawSyscall("pidfd_send_signal", process.fd, signal, null, 0);
  if (result >= 0) return true;
  if (result === -ERRNO.ESRCH) return false;
  throw new SyscallError("kill", errnoName(-result));
}

/**
 * Waits for a child's end like wait(pid), but without a thread of its own, for
 * callers that wait for many children. Resolves to null if somebody else has
 * taken its status. Throws at once if it cannot wait (EMFILE), and never
 * rejects.
 */
export function waitForEnd(pid: number): Promise<WaitStatus | null> {
  const process = new Descriptor(syscall("pidfd_open", pid, 0));
  try {
    return statusOf(process, pid, whenReady(process.fd, EPOLL.EPOLLIN));
  } catch (error) {
    process.close();
    throw error;
  }
}

async function statusOf(
  process: Descriptor,
  pid: number,
  ended: Promise<void>,
): Promise<WaitStatus | null> {
  using _process = process;
  for (;; ended = whenReady(process.fd, EPOLL.EPOLLIN)) {
    await ended;
    const status = wait(pid, WNOHANG);
    const isThere = status === null &&
      rawSyscall("pidfd_send_signal", process.fd, 0, null, 0) >= 0;
    if (isThere) continue;
    forget(process.fd);
    return status;
  }
}

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
 * Sends a signal to a process that has a number and is the one that is meant;
 * false where it is not, or has ended. What has the number next gets nothing.
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
  // Looked at after it is opened, that is what the descriptor stands for.
  if (!isMeant()) return false;
  const result = rawSyscall("pidfd_send_signal", process.fd, signal, null, 0);
  if (result >= 0) return true;
  if (result === -ERRNO.ESRCH) return false;
  throw new SyscallError("kill", errnoName(-result));
}

/**
 * Waits for a child's end, as wait(pid) does, and takes no thread of its own
 * for it: for who waits for many. Null where somebody else has taken its
 * status. Throws at once where it cannot wait (EMFILE), and rejects never.
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

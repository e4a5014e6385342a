/** pidfd_open(2): a process as a descriptor. */

import { EPOLL, forget, whenReady } from "./epoll.ts";
import { Descriptor } from "./fcntl.ts";
import { rawSyscall, syscall } from "./libc.ts";
import { wait, type WaitStatus, WNOHANG } from "./wait.ts";

/**
 * Waits for a child's end, as wait(pid) does, and takes no thread of its own
 * for it: for who waits for many. Null where somebody else has taken its
 * status.
 */
export async function waitForEnd(pid: number): Promise<WaitStatus | null> {
  using process = new Descriptor(syscall("pidfd_open", pid, 0));
  for (;;) {
    await whenReady(process.fd, EPOLL.EPOLLIN);
    const status = wait(pid, WNOHANG);
    const isThere = status === null &&
      rawSyscall("pidfd_send_signal", process.fd, 0, null, 0) >= 0;
    if (isThere) continue;
    forget(process.fd);
    return status;
  }
}

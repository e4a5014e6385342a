/** Waits for the first steps of a process. Runs in the program's process. */

import { EPOLL, forget, whenReady } from "../ffi/epoll.ts";
import type { Container } from "../launch/container.ts";

/**
 * Waits until a process has set everything up, or has ended: its first message,
 * or the execve, which closes the socket of its messages.
 */
export async function untilSet({ status }: Container): Promise<void> {
  if (!status) return;
  await whenReady(status.fd, EPOLL.EPOLLIN);
  forget(status.fd);
  status.close();
}

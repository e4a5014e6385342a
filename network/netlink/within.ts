/**
 * Work in another network namespace. Runs on the host.
 *
 * @module
 */

import { type Descriptor, O, open } from "../../ffi/fcntl.ts";
import { syscall } from "../../ffi/libc.ts";
import { CLONE } from "../../ffi/sched.ts";

/**
 * Runs synchronous work in a network namespace, setns(2). The sockets that it
 * makes belong to that namespace. Only this thread enters it, and leaves it
 * afterwards.
 */
export function within<T>(namespace: Descriptor, work: () => T): T {
  using own = open("/proc/thread-self/ns/net", O.O_RDONLY);
  syscall("setns", namespace.fd, CLONE.CLONE_NEWNET);
  try {
    return work();
  } finally {
    syscall("setns", own.fd, CLONE.CLONE_NEWNET);
  }
}

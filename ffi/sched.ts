/** sched.h: namespaces and clones. */

import { syscall } from "./libc.ts";

export const CLONE = {
  CLONE_NEWTIME: 0x80,
  CLONE_PARENT: 0x8000,
  CLONE_NEWNS: 0x20000,
  CLONE_NEWCGROUP: 0x2000000,
  CLONE_NEWUTS: 0x4000000,
  CLONE_NEWIPC: 0x8000000,
  CLONE_NEWUSER: 0x10000000,
  CLONE_NEWPID: 0x20000000,
  CLONE_NEWNET: 0x40000000,
  CLONE_CLEAR_SIGHAND: 0x100000000,
  CLONE_INTO_CGROUP: 0x200000000,
} as const;

/**
 * unshare(2): moves only the calling thread into new namespaces. Never use
 * CLONE_NEWPID in Deno: it could not create threads any more.
 */
export function unshare(flags: number): void {
  syscall("unshare", flags);
}

/** setns(2): moves the calling thread into the namespace of a descriptor. */
export function setns(fd: number, type: number): void {
  syscall("setns", fd, type);
}

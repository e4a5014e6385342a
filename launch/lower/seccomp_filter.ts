/** Lowers a compiled filter to the system call that installs it. */

import type { Block, Call } from "../bytecode/call.ts";
import { INSTRUCTION_SIZE } from "../../seccomp/bpf.ts";

/** Operations and flags of seccomp(2), linux/seccomp.h. */
export const SECCOMP = {
  SECCOMP_SET_MODE_FILTER: 1,
  SECCOMP_FILTER_FLAG_NEW_LISTENER: 8,
  /**
   * Linux 5.19: a process that waits for the listener's answer gets only fatal
   * signals.
   */
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: 32,
} as const;

/** The slot that takes a filter's listener. */
export const LISTENER_SLOT = "listener";

const SOCK_FPROG_SIZE = 16;

/** struct sock_fprog of linux/filter.h. */
function socketProgram(filter: Uint8Array): Block {
  const bytes = new Uint8Array(SOCK_FPROG_SIZE);
  new DataView(bytes.buffer).setUint16(
    0,
    filter.length / INSTRUCTION_SIZE,
    true,
  );
  return { bytes, pointers: [{ at: 8, to: filter }] };
}

/**
 * seccomp(2), for the calling thread and its future children. Needs
 * CAP_SYS_ADMIN or no_new_privs. With the listener flag, {@linkcode
 * LISTENER_SLOT} takes the listener, a close-on-exec descriptor.
 */
export function installFilter(filter: Uint8Array, flags = 0): Call {
  return {
    name: "seccomp",
    args: [SECCOMP.SECCOMP_SET_MODE_FILTER, flags, socketProgram(filter)],
    ...(flags & SECCOMP.SECCOMP_FILTER_FLAG_NEW_LISTENER
      ? { result: LISTENER_SLOT }
      : {}),
  };
}

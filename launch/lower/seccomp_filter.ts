/** A compiled filter as the system call that puts it into force. */

import type { Block, Call } from "../bytecode/call.ts";
import { INSTRUCTION_SIZE } from "../../seccomp/bpf.ts";

/** Operations and flags of seccomp(2), linux/seccomp.h. */
export const SECCOMP = {
  SECCOMP_SET_MODE_FILTER: 1,
  SECCOMP_FILTER_FLAG_NEW_LISTENER: 8,
  /** Linux 5.19: who waits for the listener's answer hears of no signal. */
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: 32,
} as const;

/** The slot that takes the listener of a filter that has one. */
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
 * seccomp(2), for the calling thread and all that comes of it. Needs
 * CAP_SYS_ADMIN or no_new_privs. Asked for a listener, it leaves that, a
 * close-on-exec descriptor, in {@linkcode LISTENER_SLOT}.
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

/** A compiled filter as the system call that puts it into force. */

import type { Block, Call } from "../call.ts";
import { INSTRUCTION_SIZE } from "./bpf.ts";

/** Operations and flags of seccomp(2), linux/seccomp.h. */
export const SECCOMP = {
  SECCOMP_SET_MODE_FILTER: 1,
  SECCOMP_FILTER_FLAG_NEW_LISTENER: 8,
} as const;

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
 * CAP_SYS_ADMIN or no_new_privs.
 */
export function installFilter(filter: Uint8Array, flags = 0): Call {
  return {
    name: "seccomp",
    args: [SECCOMP.SECCOMP_SET_MODE_FILTER, flags, socketProgram(filter)],
  };
}

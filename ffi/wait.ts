/** sys/wait.h. */

import { lazily, rawSyscall } from "./libc.ts";
import { addressOf } from "./memory.ts";
import { ERRNO, errnoName, SyscallError } from "./errno.ts";

export const WNOHANG = 1;
export const WUNTRACED = 2;

/** A process state that wait4(2) reported. */
export type WaitStatus =
  & { pid: number }
  & ({ exited: number } | { signaled: number } | { stopped: number });

/**
 * wait4(2). Returns null if there is no child (ECHILD), or with WNOHANG if no
 * child has a new state.
 */
export function wait(pid: number, flags = 0): WaitStatus | null {
  const status = new Int32Array(1);
  const bytes = new Uint8Array(status.buffer);
  for (;;) {
    const found = rawSyscall("wait4", pid, bytes, flags, null);
    if (found === 0 || -found === ERRNO.ECHILD) return null;
    if (-found === ERRNO.EINTR) continue;
    if (found < 0) throw new SyscallError("wait4", errnoName(-found));
    return decode(found, status[0]!);
  }
}

const background = lazily(
  {
    /** pid_t waitpid(pid_t, int *, int), on a thread that may block */
    waitpid: {
      parameters: ["i32", "i64", "i32"],
      result: "i32",
      nonblocking: true,
    },
  } as const,
);

function decode(pid: number, word: number): WaitStatus {
  if ((word & 0xff) === 0x7f) return { pid, stopped: word >> 8 & 0xff };
  const signal = word & 0x7f;
  if (signal) return { pid, signaled: signal };
  return { pid, exited: word >> 8 & 0xff };
}

/**
 * {@linkcode wait} without blocking this thread; null if there is no such
 * child.
 */
export async function waitInBackground(
  pid: number,
  flags = 0,
): Promise<WaitStatus | null> {
  const status = new Int32Array(1);
  const bytes = new Uint8Array(status.buffer);
  const found = await background().waitpid(pid, addressOf(bytes), flags);
  return found > 0 ? decode(found, status[0]!) : null;
}

/**
 * The exit status as a shell reports it: the status, or 128 plus the signal.
 */
export function exitCode(status: WaitStatus): number {
  if ("exited" in status) return status.exited;
  return 128 + ("signaled" in status ? status.signaled : status.stopped);
}

/**
 * The listener of a learning filter: receives the reports and allows every
 * call. Runs in the parent, on the host, in parallel with its other waiting: it
 * serves a busy command in turns, and other events are handled in between.
 *
 * See seccomp_unotify(2).
 */

import { ERRNO, errnoName, SyscallError } from "../ffi/errno.ts";
import type { Descriptor } from "../ffi/fcntl.ts";
import { rawSyscall } from "../ffi/libc.ts";
import { POLL, poll, waitForOne } from "../ffi/poll.ts";
import {
  carryOn,
  NOTIFY,
  readReport,
  type Report,
  reportedName,
} from "./learn.ts";
import type { CallArch } from "./syscalls.ts";

/** The longest time of one turn in milliseconds; a signal waits no longer. */
const TURN = 20;

/** The longest wait for the next report within a turn, in milliseconds. */
const PATIENCE = 1;

/** The calls of a command. */
export interface Learned {
  names: Set<string>;
  archs: Set<CallArch>;
  /**
   * A program other than the walker has made a call. All of the walker's calls
   * come from one instruction.
   */
  executed: boolean;
  /** Calls without a name in our tables. */
  unnamed: Set<string>;
}

/**
 * Serves a listener until no filtered process is left.
 *
 * @throws SyscallError if the kernel refuses an answer
 */
export async function serveReports(listener: Descriptor): Promise<Learned> {
  // The execve after the filter is a call of this machine's own architecture.
  const learned: Learned = {
    names: new Set(),
    archs: new Set([Deno.build.arch]),
    executed: false,
    unnamed: new Set(),
  };
  const { fd } = listener;
  let walker: bigint | undefined;
  // Older kernels refuse this, and are slower.
  rawSyscall(
    "ioctl",
    fd,
    NOTIFY.SECCOMP_IOCTL_NOTIF_SET_FLAGS,
    NOTIFY.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP,
  );
  for (;;) {
    let events = await waitForOne(fd, POLL.POLLIN);
    // The only other event is the end of the last process (POLLHUP, Linux 5.9).
    if (events && !(events & POLL.POLLIN)) return learned;
    const end = performance.now() + TURN;
    while (events & POLL.POLLIN && performance.now() < end) {
      const report = receive(fd);
      if (report) {
        note(learned, report);
        walker ??= report.from;
        learned.executed ||= report.from !== walker;
        answer(fd, report);
      }
      events = poll(fd, POLL.POLLIN, PATIENCE);
    }
  }
}

/** The next report; null if its caller was killed or interrupted meanwhile. */
function receive(fd: number): Report | null {
  const bytes = new Uint8Array(NOTIFY.reportSize);
  const result = rawSyscall(
    "ioctl",
    fd,
    NOTIFY.SECCOMP_IOCTL_NOTIF_RECV,
    bytes,
  );
  if (result >= 0) return readReport(bytes);
  return orGone(-result);
}

function answer(fd: number, { id }: Report): void {
  const result = rawSyscall(
    "ioctl",
    fd,
    NOTIFY.SECCOMP_IOCTL_NOTIF_SEND,
    carryOn(id),
  );
  if (result < 0) orGone(-result);
}

function orGone(errno: number): null {
  if (errno === ERRNO.ENOENT || errno === ERRNO.EINTR) return null;
  throw new SyscallError("ioctl", errnoName(errno), "learn a system call");
}

function note({ names, archs, unnamed }: Learned, report: Report): void {
  const name = reportedName(report);
  if (name === undefined) {
    unnamed.add(`${report.nr} of ${report.arch ?? "another architecture"}`);
    return;
  }
  names.add(name);
  archs.add(report.arch!);
}

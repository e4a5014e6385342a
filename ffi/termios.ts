/** termios.h and sys/ioctl.h: terminals. */

import { rawSyscall } from "./libc.ts";

const TIOCGPGRP = 0x540f;
export const TIOCSPGRP = 0x5410;

/** The foreground process group of a terminal, null when it is none of ours. */
export function foregroundGroup(fd: number): number | null {
  const group = new Int32Array(1);
  const bytes = new Uint8Array(group.buffer);
  return rawSyscall("ioctl", fd, TIOCGPGRP, bytes) < 0 ? null : group[0]!;
}

/**
 * tcsetpgrp(3). The caller blocks SIGTTOU when it may be in the background.
 * False where the terminal or the group is gone.
 */
export function setForegroundGroup(fd: number, group: number): boolean {
  const bytes = new Uint8Array(new Int32Array([group]).buffer);
  return rawSyscall("ioctl", fd, TIOCSPGRP, bytes) >= 0;
}

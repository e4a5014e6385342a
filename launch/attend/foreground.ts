/** The terminal, given back to a program whose container had it. On the host. */

import { syscall } from "../../ffi/libc.ts";
import {
  SIG_BLOCK,
  SIG_SETMASK,
  SIGNAL,
  sigset,
  SIGSET_SIZE,
} from "../../ffi/signal.ts";
import { setForegroundGroup } from "../../ffi/termios.ts";

const STDIN = 0;

/** Makes our process group the terminal's again, tcsetpgrp(3). */
export function takeForeground(): void {
  const before = sigset([]);
  const stopped = sigset([SIGNAL.SIGTTOU]);
  // From the background it stops who does not block its signal.
  syscall("rt_sigprocmask", SIG_BLOCK, stopped, before, SIGSET_SIZE);
  try {
    setForegroundGroup(STDIN, syscall("getpgid", 0));
  } finally {
    syscall("rt_sigprocmask", SIG_SETMASK, before, null, SIGSET_SIZE);
  }
}

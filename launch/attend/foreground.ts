/**
 * Takes the terminal back from a container. Runs on the host, in the program
 * that uses the library.
 */

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

/** Makes our process group the terminal's foreground group, tcsetpgrp(3). */
export function takeForeground(): void {
  const before = sigset([]);
  const stopped = sigset([SIGNAL.SIGTTOU]);
  // Called from the background, tcsetpgrp(3) stops a process that does not
  // block SIGTTOU.
  syscall("rt_sigprocmask", SIG_BLOCK, stopped, before, SIGSET_SIZE);
  try {
    setForegroundGroup(STDIN, syscall("getpgid", 0));
  } finally {
    syscall("rt_sigprocmask", SIG_SETMASK, before, null, SIGSET_SIZE);
  }
}

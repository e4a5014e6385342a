/** Lowering of the steps of a sandbox's own processes. */

import { AT_EMPTY_PATH } from "../../ffi/fcntl.ts";
import { SIGNAL } from "../../ffi/signal.ts";
import type { Lowering } from "./lowering.ts";
import { NEWS } from "./news.ts";

/** SIG_IGN as the first word of struct sigaction. */
const IGNORE = 1;
const SIGACTION_SIZE = 32;
const SIGSET_SIZE = 8;
const CLOSE_RANGE_CLOEXEC = 4;

const ignored = () => {
  const action = new Uint8Array(SIGACTION_SIZE);
  new DataView(action.buffer).setBigUint64(0, BigInt(IGNORE), true);
  return action;
};

/** The name of the helper in /proc/PID/comm and its argv[0]. */
export const FILES_NAME = "container-files";

export const lowerSandbox: Lowering<"idle" | "serveFiles"> = {
  // Ignoring SIGCHLD makes the kernel reap every child, also the orphans that
  // it gives to PID 1.
  idle: ({ socket }) => [
    {
      name: "rt_sigaction",
      args: [SIGNAL.SIGCHLD, ignored(), null, SIGSET_SIZE],
    },
    { name: "write", args: [socket, new Uint8Array([NEWS.running]), 1] },
    { name: "close", args: [socket] },
    { name: "ppoll", args: [null, 0, null, null, 0] },
  ],
  serveFiles: ({ program }) => [
    { name: "close_range", args: [program, program, CLOSE_RANGE_CLOEXEC] },
    {
      name: "execveat",
      args: [program, "", [FILES_NAME], [], AT_EMPTY_PATH],
    },
  ],
};

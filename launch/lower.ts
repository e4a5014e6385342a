/**
 * Steps to system calls: the one place where `MS_BIND` becomes 4096. What this
 * returns is what either executor does and what `explain` shows.
 */

import { AT_EMPTY_PATH, AT_FDCWD } from "../ffi/fcntl.ts";
import { MNT, MS } from "../ffi/mount.ts";
import { PR } from "../ffi/prctl.ts";
import { CLONE } from "../ffi/sched.ts";
import {
  SIG_SETMASK,
  SIGACTION_SIZE,
  SIGNAL,
  type SignalName,
  sigset,
  SIGSET_SIZE,
} from "../ffi/signal.ts";
import { TIOCSPGRP } from "../ffi/termios.ts";
import type { Step } from "../plan/step.ts";
import type { NamespaceType } from "../spec/types.ts";
import type { Instruction } from "./call.ts";

/** The numbers under which a process of ours is handed its descriptors. */
export const HANDED = {
  /** The plan, as JSON: for the child. */
  plan: 3,
  /** Where the child tells the parent what happens. */
  status: 4,
  /** Our own executable. */
  self: 5,
  /** Whose other end only the parent holds. */
  lifeline: 6,
  /** The compiled plan: for the walker, which closes it. */
  walk: 7,
} as const;

const NAMESPACE_FLAG: Record<NamespaceType, number> = {
  pid: CLONE.CLONE_NEWPID,
  network: CLONE.CLONE_NEWNET,
  mount: CLONE.CLONE_NEWNS,
  ipc: CLONE.CLONE_NEWIPC,
  uts: CLONE.CLONE_NEWUTS,
  user: CLONE.CLONE_NEWUSER,
  cgroup: CLONE.CLONE_NEWCGROUP,
  time: CLONE.CLONE_NEWTIME,
};

const EVERY_FD = 0xffffffff;
const CLOSE_RANGE_CLOEXEC = 4;
const CLONE_ARGS_SIZE = 88;
const CWD_SIZE = 4096;

const namespaceFlags = (types: NamespaceType[]) =>
  types.reduce((flags, type) => flags | BigInt(NAMESPACE_FLAG[type]), 0n);

const signalNumbers = (names: string[]) =>
  names.map((name) => SIGNAL[name as SignalName]);

/** struct clone_args of clone(2), with nothing but flags: fork-like, CLONE_PARENT takes the exit signal along. */
function cloneArgs(flags: bigint): Uint8Array {
  const bytes = new Uint8Array(CLONE_ARGS_SIZE);
  new DataView(bytes.buffer).setBigUint64(0, flags, true);
  return bytes;
}

/** struct pollfd of poll(2). */
function pollFd(fd: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setInt32(0, fd, true);
  return bytes;
}

/** The system calls of a step, in order. */
export function lower(step: Step): Instruction[] {
  switch (step.step) {
    case "clone": {
      const flags = namespaceFlags(step.namespaces) |
        BigInt(CLONE.CLONE_PARENT) | BigInt(CLONE.CLONE_CLEAR_SIGHAND);
      return [{
        name: "clone3",
        args: [cloneArgs(flags), CLONE_ARGS_SIZE],
        result: "pid",
        clone: true,
      }];
    }
    case "setProcessGroup":
      return [
        { name: "setpgid", args: [0, 0] },
        ...(step.foreground
          ? [
            { name: "getpid", args: [], result: "group" },
            { name: "ioctl", args: [0, TIOCSPGRP, { addressOf: "group" }] },
          ] as const satisfies Instruction[]
          : []),
      ];
    case "setParentDeathSignal":
      return [{
        name: "prctl",
        args: [PR.PR_SET_PDEATHSIG, SIGNAL[step.signal], 0, 0, 0],
      }];
    case "waitForParent":
      return [{
        name: "read",
        args: [HANDED.lifeline, new Uint8Array(8), 1],
        want: { result: 1, otherwise: "ESRCH" },
      }];
    case "checkParent":
      return [{
        name: "ppoll",
        args: [pollFd(HANDED.lifeline), 1, new Uint8Array(16), null, 0],
        want: { result: 0, otherwise: "ESRCH" },
      }];
    case "setSignalMask":
      return [{
        name: "rt_sigprocmask",
        args: [
          SIG_SETMASK,
          sigset(signalNumbers(step.blocked)),
          null,
          SIGSET_SIZE,
        ],
      }];
    case "defaultSignals":
      return signalNumbers(step.signals).map((signal) => ({
        name: "rt_sigaction",
        args: [signal, new Uint8Array(SIGACTION_SIZE), null, SIGSET_SIZE],
      }));
    case "closeDescriptors":
      return [{ name: "close_range", args: [step.from, EVERY_FD, 0] }];
    case "executeSelf":
      return [
        {
          name: "close_range",
          args: [HANDED.self, HANDED.self, CLOSE_RANGE_CLOEXEC],
        },
        {
          name: "execveat",
          args: [HANDED.self, "", step.argv, step.env, AT_EMPTY_PATH],
        },
      ];
    case "setDumpable":
      return [{ name: "prctl", args: [PR.PR_SET_DUMPABLE, 0, 0, 0, 0] }];
    case "unshare":
      return [{ name: "unshare", args: [namespaceFlags(step.namespaces)] }];
    case "setHostname": {
      const length = new TextEncoder().encode(step.hostname).length;
      return [{ name: "sethostname", args: [step.hostname, length] }];
    }
    case "mount":
      return [{
        name: "mount",
        args: [
          step.source,
          step.target,
          step.type,
          step.flags.reduce((flags, flag) => flags | MS[flag], 0),
          step.data,
        ],
      }];
    case "makeDirectory":
      return [{
        name: "mkdirat",
        args: [AT_FDCWD, step.path, step.mode],
        expect: ["EEXIST"],
      }];
    case "pivotRoot":
      // "." twice puts the old root on top of the new one, so no directory for
      // it is needed in a root filesystem that may be read-only.
      return [
        { name: "chdir", args: [step.root] },
        { name: "pivot_root", args: [".", "."] },
        { name: "umount2", args: [".", MNT.MNT_DETACH] },
        { name: "chdir", args: ["/"] },
      ];
    case "chroot":
      return [
        { name: "chroot", args: [step.root] },
        { name: "chdir", args: ["/"] },
      ];
    case "changeDirectory":
      return [{ name: "chdir", args: [step.path] }];
    case "checkDirectory": {
      // Outside the root, the kernel answers "(unreachable)/…".
      const buffer = new Uint8Array(CWD_SIZE);
      return [
        { name: "getcwd", args: [buffer, CWD_SIZE] },
        { name: "compare", args: [buffer, "/", 1], otherwise: "EXDEV" },
      ];
    }
    case "execute":
      // As execvp(3): what is missing or not allowed is passed over, and the
      // last resort is an error that names the command.
      return [
        ...step.candidates.map((path): Instruction => ({
          name: "execve",
          args: [path, step.argv, step.env],
          expect: ["ENOENT", "ENOTDIR", "EACCES", "ELOOP", "ENAMETOOLONG"],
        })),
        { name: "fail", error: "ENOENT" },
      ];
    case "unmount":
      return [{ name: "umount2", args: [step.target, MNT.MNT_DETACH] }];
    case "killAll":
      return [{
        name: "kill",
        args: [-1, SIGNAL.SIGKILL],
        expect: ["ESRCH"],
      }];
  }
}

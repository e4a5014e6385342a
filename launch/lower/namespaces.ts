/**
 * Lowering of the steps that create and set up namespaces, and of those between
 * parent and child.
 */

import { toBytes } from "../../ffi/text.ts";
import { AT_EMPTY_PATH, AT_FDCWD, F_SETFD, O } from "../../ffi/fcntl.ts";
import { PR } from "../../ffi/prctl.ts";
import { CLONE } from "../../ffi/sched.ts";
import {
  CHANGEABLE,
  SIG_SETMASK,
  SIGACTION_SIZE,
  SIGNAL,
  sigset,
  SIGSET_SIZE,
} from "../../ffi/signal.ts";
import { TIOCSPGRP } from "../../ffi/termios.ts";
import type { NamespaceType } from "../../spec/types.ts";
import type { Instruction } from "../bytecode/call.ts";
import { DESCRIPTOR, WALKER_NAME } from "./descriptors.ts";
import type { Lowering } from "./lowering.ts";
import { placeOf, writeToProc } from "./kernel_filesystems.ts";
import { signalNumbers } from "./signal_numbers.ts";

const NAMESPACE_FLAG: Record<NamespaceType, number> = {
  user: CLONE.CLONE_NEWUSER,
  pid: CLONE.CLONE_NEWPID,
  network: CLONE.CLONE_NEWNET,
  mount: CLONE.CLONE_NEWNS,
  ipc: CLONE.CLONE_NEWIPC,
  uts: CLONE.CLONE_NEWUTS,
  cgroup: CLONE.CLONE_NEWCGROUP,
  time: CLONE.CLONE_NEWTIME,
};

const EVERY_FD = 0xffffffff;
const CLOSE_RANGE_CLOEXEC = 4;
const CLONE_ARGS_SIZE = 88;
/** The offset of `cgroup` in it. */
const CLONE_ARGS_CGROUP = 80;
const KEYCTL_JOIN_SESSION_KEYRING = 1;
const AF_INET = 2;
const SOCK_DGRAM = 2;
const SIOCSIFFLAGS = 0x8914;
const IFREQ_SIZE = 40;
const IFF_UP = 1;

/** The CLONE_NEW… flags of namespaces. */
export const namespaceFlags = (types: readonly NamespaceType[]) =>
  types.reduce((flags, type) => flags | BigInt(NAMESPACE_FLAG[type]), 0n);

/**
 * struct clone_args of clone(2). Its exit signal is 0: CLONE_PARENT takes that
 * of the caller.
 */
function cloneArgs(flags: bigint, cgroup = 0): Uint8Array {
  const bytes = new Uint8Array(CLONE_ARGS_SIZE);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, flags, true);
  view.setBigUint64(CLONE_ARGS_CGROUP, BigInt(cgroup), true);
  return bytes;
}

/** struct pollfd of poll(2). */
function pollFd(fd: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setInt32(0, fd, true);
  return bytes;
}

/** struct ifreq of netdevice(7), to bring an interface up. */
function interfaceUp(name: string): Uint8Array {
  const bytes = new Uint8Array(IFREQ_SIZE);
  bytes.set(toBytes(name));
  new DataView(bytes.buffer).setInt16(16, IFF_UP, true);
  return bytes;
}

/**
 * Moves an open descriptor to a number. dup3(2) fails if it has that number
 * already.
 */
const moveTo = (number: number, flags: number): Instruction[] => [
  {
    name: "dup3",
    args: [{ slot: "cgroup" }, number, flags],
    expect: ["EINVAL"],
    skipOnExpected: 1,
  },
  { name: "close", args: [{ slot: "cgroup" }] },
];

/** Opens a cgroup directory under the number that clone3(2) uses. */
const openBirthplace = (cgroup: string): Instruction[] => [
  {
    name: "openat",
    args: [AT_FDCWD, cgroup, O.O_PATH | O.O_DIRECTORY | O.O_CLOEXEC, 0],
    result: "cgroup",
  },
  ...moveTo(DESCRIPTOR.cgroup, O.O_CLOEXEC),
];

/** Enters a namespace of this process, by its name below /proc/self. */
function enterOwn(name: string, flag: number): Instruction[] {
  const { before, at, after } = placeOf(`/proc/self/${name}`, "proc");
  return [
    ...before,
    {
      name: "openat",
      args: [...at, O.O_RDONLY | O.O_CLOEXEC, 0],
      result: "own",
    },
    { name: "setns", args: [{ slot: "own" }, flag] },
    { name: "close", args: [{ slot: "own" }] },
    ...after,
  ];
}

export const lowerNamespaces: Lowering<
  | "joinNamespaces"
  | "clone"
  | "unshare"
  | "setHostname"
  | "setDomainname"
  | "enterTimeNamespace"
  | "raiseLoopback"
  | "joinKeyring"
  | "setProcessGroup"
  | "setParentDeathSignal"
  | "waitForParent"
  | "checkParent"
  | "setSignalMask"
  | "defaultSignals"
  | "closeDescriptors"
  | "arrangeDescriptors"
  | "executeSelf"
  | "keepWalker"
  | "executeWalker"
  | "setDumpable"
  | "openCgroups"
  | "joinCgroups"
> = {
  joinNamespaces: ({ namespaces }) => {
    // The user namespace first: it gives the rights to enter namespaces that it
    // owns.
    const ordered = namespaces.toSorted((a, b) =>
      Number(b.type === "user") - Number(a.type === "user")
    );
    const slot = (type: NamespaceType) => `namespace_${type}`;
    return [
      ...ordered.map(({ type, path }): Instruction => ({
        name: "openat",
        args: [AT_FDCWD, path, O.O_RDONLY | O.O_CLOEXEC, 0],
        result: slot(type),
      })),
      ...ordered.map(({ type }): Instruction => ({
        name: "setns",
        args: [{ slot: slot(type) }, NAMESPACE_FLAG[type]],
      })),
    ];
  },
  clone: ({ namespaces, cgroup, opened }) => [
    // clone_args contains a number and not a slot, so the directory gets a
    // fixed number.
    ...(cgroup === undefined || opened ? [] : openBirthplace(cgroup)),
    {
      name: "clone3",
      args: [
        cloneArgs(
          namespaceFlags(namespaces) | BigInt(CLONE.CLONE_PARENT) |
            BigInt(CLONE.CLONE_CLEAR_SIGHAND) |
            BigInt(cgroup === undefined ? 0 : CLONE.CLONE_INTO_CGROUP),
          cgroup === undefined ? 0 : DESCRIPTOR.cgroup,
        ),
        CLONE_ARGS_SIZE,
      ],
      result: "pid",
      clone: true,
    },
  ],
  unshare: ({ namespaces }) => [
    { name: "unshare", args: [namespaceFlags(namespaces)] },
  ],
  setHostname: ({ hostname }) => [{
    name: "sethostname",
    args: [hostname, toBytes(hostname).length],
  }],
  setDomainname: ({ domainname }) => [{
    name: "setdomainname",
    args: [domainname, toBytes(domainname).length],
  }],
  // A process in a time namespace cannot change its offsets. unshare(2) makes
  // the namespace for children only; setns(2) enters it after the offsets are
  // written.
  enterTimeNamespace: ({ monotonic, boottime }) => [
    { name: "unshare", args: [CLONE.CLONE_NEWTIME] },
    ...writeToProc(
      "/proc/self/timens_offsets",
      [["monotonic", monotonic], ["boottime", boottime]].flatMap((
        [clock, by],
      ) =>
        typeof by === "object" ? [`${clock} ${by.secs} ${by.nanosecs}\n`] : []
      ).join(""),
    ),
    ...enterOwn("ns/time_for_children", CLONE.CLONE_NEWTIME),
  ],
  raiseLoopback: () => [
    {
      name: "socket",
      args: [AF_INET, SOCK_DGRAM | O.O_CLOEXEC, 0],
      result: "socket",
    },
    {
      name: "ioctl",
      args: [{ slot: "socket" }, SIOCSIFFLAGS, interfaceUp("lo")],
    },
    { name: "close", args: [{ slot: "socket" }] },
  ],
  // A kernel without keyrings has no keys of the caller to protect. After any
  // other error the container would have them.
  joinKeyring: () => [{
    name: "keyctl",
    args: [KEYCTL_JOIN_SESSION_KEYRING, null],
    expect: ["ENOSYS"],
  }],
  setProcessGroup: ({ foreground }) => [
    { name: "setpgid", args: [0, 0] },
    ...(foreground
      ? [
        { name: "getpid", args: [], result: "group" },
        { name: "ioctl", args: [0, TIOCSPGRP, { addressOf: "group" }] },
      ] as const satisfies Instruction[]
      : []),
  ],
  setParentDeathSignal: ({ signal }) => [{
    name: "prctl",
    args: [PR.PR_SET_PDEATHSIG, SIGNAL[signal], 0, 0, 0],
  }],
  waitForParent: () => [{
    name: "read",
    args: [DESCRIPTOR.lifeline, new Uint8Array(8), 1],
    want: { result: 1, otherwise: "ESRCH" },
  }],
  checkParent: () => [{
    name: "ppoll",
    args: [pollFd(DESCRIPTOR.lifeline), 1, new Uint8Array(16), null, 0],
    want: { result: 0, otherwise: "ESRCH" },
  }],
  setSignalMask: ({ blocked }) => [{
    name: "rt_sigprocmask",
    args: [SIG_SETMASK, sigset(signalNumbers(blocked)), null, SIGSET_SIZE],
  }],
  defaultSignals: () =>
    CHANGEABLE.map((signal) => ({
      name: "rt_sigaction",
      args: [signal, new Uint8Array(SIGACTION_SIZE), null, SIGSET_SIZE],
    })),
  closeDescriptors: ({ from, to = EVERY_FD }) => [
    { name: "close_range", args: [from, to, 0] },
  ],
  arrangeDescriptors: ({ count }) =>
    Array.from({ length: count }, (_, index) => ({
      name: "dup3",
      args: [DESCRIPTOR.preserved + index, 3 + index, 0],
    })),
  executeSelf: ({ argv, env }) => [
    {
      name: "close_range",
      args: [DESCRIPTOR.self, DESCRIPTOR.self, CLOSE_RANGE_CLOEXEC],
    },
    { name: "execveat", args: [DESCRIPTOR.self, "", argv, env, AT_EMPTY_PATH] },
  ],
  keepWalker: () => [{
    name: "openat",
    args: [AT_FDCWD, "/proc/self/exe", O.O_PATH | O.O_CLOEXEC, 0],
    result: "walker",
  }],
  executeWalker: ({ keep }) => [
    ...keep.map((name): Instruction => ({
      name: "fcntl",
      args: [{ slot: name }, F_SETFD, 0],
    })),
    {
      name: "execveat",
      args: [
        { slot: "walker" },
        "",
        [WALKER_NAME, String(DESCRIPTOR.again)],
        [],
        AT_EMPTY_PATH,
      ],
    },
  ],
  setDumpable: ({ dumpable }) => [{
    name: "prctl",
    args: [PR.PR_SET_DUMPABLE, Number(dumpable), 0, 0, 0],
  }],
  openCgroups: ({ files, from, birthplace }) => [
    ...(birthplace === undefined ? [] : openBirthplace(birthplace)),
    ...files.flatMap((file, index): Instruction[] => [
      {
        name: "openat",
        // Stays open in the execve of our own executable.
        args: [AT_FDCWD, file, O.O_WRONLY, 0],
        result: "cgroup",
      },
      ...moveTo(from + index, 0),
    ]),
  ],
  joinCgroups: ({ files, from }) =>
    files.map((_, index): Instruction => ({
      name: "write",
      args: [from + index, "0", 1],
    })),
};

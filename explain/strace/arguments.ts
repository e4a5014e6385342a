/**
 * Formats the arguments of each system call as strace(1) does. A table. Pure.
 */

import { AT_EMPTY_PATH, F_DUPFD_CLOEXEC, O } from "../../ffi/fcntl.ts";
import {
  AT_RECURSIVE,
  FSCONFIG,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  MNT,
  MOUNT_ATTR,
  MOVE_MOUNT_F_EMPTY_PATH,
  MOVE_MOUNT_T_EMPTY_PATH,
  MOVE_MOUNT_T_SYMLINKS,
  MS,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
} from "../../ffi/mount.ts";
import { RLIM_INFINITY, RLIMIT } from "../../ffi/resource.ts";
import { CLONE } from "../../ffi/sched.ts";
import { SIG_BLOCK, SIG_SETMASK, SIGNAL } from "../../ffi/signal.ts";
import type { SyscallName } from "../../ffi/numbers.ts";
import type { Argument, Call } from "../../launch/bytecode/call.ts";
import { PERSONALITY } from "../../launch/lower/process.ts";
import { SECCOMP } from "../../launch/lower/seccomp_filter.ts";
import { addRule, createRuleset } from "./landlock.ts";
import { at, openat, openat2 } from "./open.ts";
import { capset, ioctl, prctl, sendmsg } from "./structures.ts";
import {
  flags,
  named,
  octal,
  plain,
  quote,
  signalName,
  signalSet,
  structure,
} from "./notation.ts";

/** Formats one argument. It may use the call's other arguments. */
type Show = (argument: Argument, args: readonly Argument[]) => string;

/**
 * The formatters of a call's arguments. If the list is shorter than the
 * arguments, the rest is left out.
 */
type Row = readonly Show[] | ((call: Call) => string[]);

const bits = (names: Readonly<Record<string, number>>): Show => (argument) =>
  typeof argument === "number" || typeof argument === "bigint"
    ? flags(argument, names)
    : plain(argument);

const one = (names: Readonly<Record<string, number | undefined>>): Show =>
(
  argument,
) => named(argument, names);

const mode: Show = (argument) => octal(Number(argument));

const FILE_TYPES = {
  S_IFREG: 0o100000,
  S_IFCHR: 0o020000,
  S_IFBLK: 0o060000,
  S_IFIFO: 0o010000,
};
const TYPE_MASK = 0o170000;

function mknod({ args }: Call): string[] {
  const [directory, path, type, device] = args;
  const number = Number(type);
  const kind = number & TYPE_MASK;
  const shown = [
    at(directory!),
    plain(path!),
    `${named(kind, FILE_TYPES)}|${octal(number & ~TYPE_MASK)}`,
  ];
  if (kind !== FILE_TYPES.S_IFCHR && kind !== FILE_TYPES.S_IFBLK) return shown;
  const bits = BigInt(Number(device));
  const major = (bits >> 8n & 0xfffn) | (bits >> 32n & ~0xfffn);
  const minor = (bits & 0xffn) | (bits >> 12n & ~0xffn);
  const hex = (number: bigint) => number ? `0x${number.toString(16)}` : "0";
  return [...shown, `makedev(${hex(major)}, ${hex(minor)})`];
}

/** The offset of `cgroup` in struct clone_args. */
const CLONE_ARGS_CGROUP = 80;

function clone3({ args }: Call): string[] {
  const view = structure(args[0]!);
  const value = view.getBigUint64(0, true);
  const cgroup = value & BigInt(CLONE.CLONE_INTO_CGROUP)
    ? `, cgroup=${view.getBigUint64(CLONE_ARGS_CGROUP, true)}`
    : "";
  return [
    `{flags=${
      flags(value, CLONE)
    }, exit_signal=0, stack=NULL, stack_size=0${cgroup}}`,
    plain(args[1]!),
  ];
}

const mountAttr: Show = (argument) => {
  const view = structure(argument);
  const word = (offset: number) => view.getBigUint64(offset, true);
  const propagation = word(16);
  return `{attr_set=${flags(word(0), MOUNT_ATTR)}, attr_clr=${
    flags(word(8), MOUNT_ATTR)
  }, propagation=${propagation ? flags(propagation, MS) : 0}, userns_fd=${
    word(24)
  }}`;
};

/** A resource limit. Whole KiB are a product, as in strace. */
function limit(value: bigint): string {
  if (value === RLIM_INFINITY) return "RLIM64_INFINITY";
  return value > 1024n && value % 1024n === 0n
    ? `${value / 1024n}*1024`
    : String(value);
}

const rlimit: Show = (argument) => {
  if (argument === null) return "NULL";
  const view = structure(argument);
  return `{rlim_cur=${limit(view.getBigUint64(0, true))}, rlim_max=${
    limit(view.getBigUint64(8, true))
  }}`;
};

const cpuSet: Show = (argument) => {
  const view = structure(argument);
  const cpus = Array.from({ length: 8 * view.byteLength }, (_, cpu) => cpu)
    .filter((cpu) => view.getUint8(cpu >> 3) >> (cpu & 7) & 1);
  // strace(1) stops at the end of the kernel's mask. Its size is not known here.
  const isAll = cpus.length === 8 * view.byteLength;
  return `[${isAll ? "0 1 2 3 ..." : cpus.join(" ")}]`;
};

const groups: Show = (argument) => {
  if (argument === null) return "NULL";
  const view = structure(argument);
  const ids = Array.from(
    { length: view.byteLength / 4 },
    (_, index) => view.getUint32(4 * index, true),
  );
  return `[${ids.join(", ")}]`;
};

const filter: Show = (argument) => {
  const count = structure(argument).getUint16(0, true);
  return `{len=${count}, filter=...}`;
};

const pollFd: Show = (argument) =>
  `[{fd=${structure(argument).getInt32(0, true)}, events=0}]`;

const PATH_FLAGS = { AT_EMPTY_PATH, AT_RECURSIVE };
const SOCKET = { SOCK_CLOEXEC: O.O_CLOEXEC };
const PERSONALITIES = {
  PER_LINUX: PERSONALITY.LINUX,
  PER_LINUX32: PERSONALITY.LINUX32,
};
const FILTER_FLAGS = {
  SECCOMP_FILTER_FLAG_TSYNC: 1,
  SECCOMP_FILTER_FLAG_LOG: 2,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
  SECCOMP_FILTER_FLAG_NEW_LISTENER: SECCOMP.SECCOMP_FILTER_FLAG_NEW_LISTENER,
  SECCOMP_FILTER_FLAG_TSYNC_ESRCH: 16,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV:
    SECCOMP.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
};
const LOCKS = { LOCK_SH: 1, LOCK_EX: 2, LOCK_NB: 4 };
const AT_EACCESS = 0x200;
const AT_ROOT = '"/"...';

/** The formatters by call. A call without an entry is written without names. */
const ARGUMENTS: Readonly<Partial<Record<SyscallName, Row>>> = {
  capset,
  clone3,
  ioctl,
  landlock_add_rule: addRule,
  landlock_create_ruleset: createRuleset,
  mknodat: mknod,
  openat,
  openat2,
  prctl,
  sendmsg,
  read: ({ args }) => [
    plain(args[0]!),
    quote(new Uint8Array(Number(args[2]))),
    plain(args[2]!),
  ],
  rt_sigaction: ({ args }) => [
    signalName(args[0]!, SIGNAL),
    "{sa_handler=SIG_DFL, sa_mask=[], sa_flags=0}",
    "NULL",
    plain(args[3]!),
  ],
  rt_sigprocmask: [
    one({ SIG_BLOCK, SIG_SETMASK }),
    (set) => signalSet(set, SIGNAL),
    plain,
    plain,
  ],
  kill: [plain, one(SIGNAL)],
  getcwd: [() => AT_ROOT, plain],
  umask: [(mask) => Number(mask).toString(8).padStart(3, "0")],
  setgroups: [plain, groups],
  setpriority: [one({ PRIO_PROCESS: 0 }), plain, plain],
  mount: [plain, plain, plain, bits(MS), plain],
  umount2: [plain, bits(MNT)],
  sched_setaffinity: [plain, plain, cpuSet],
  keyctl: [one({ KEYCTL_JOIN_SESSION_KEYRING: 1 }), plain],
  mkdirat: [at, plain, mode],
  fchownat: [at, plain, plain, plain, plain],
  fchmod: [plain, mode],
  fchmodat: [at, plain, mode],
  fcntl: [plain, one({ F_DUPFD_CLOEXEC }), plain],
  // Further arguments are left out: the walker's own calls have additional
  // ones, by which a learning filter recognizes them.
  write: [plain, plain, plain],
  close: [plain],
  faccessat2: [at, plain, one({ F_OK: 0, X_OK: 1 }), bits({ AT_EACCESS })],
  flock: [plain, bits(LOCKS)],
  personality: [one(PERSONALITIES)],
  symlinkat: [plain, at, plain],
  ppoll: [pollFd, plain, () => "{tv_sec=0, tv_nsec=0}", plain, plain],
  unshare: [bits(CLONE)],
  socket: [
    one({ AF_INET: 2 }),
    (type) => ["SOCK_DGRAM", flags(Number(type) & ~0xf, SOCKET)].join("|"),
    one({ IPPROTO_IP: 0 }),
  ],
  dup3: [plain, plain, bits({ O_CLOEXEC: O.O_CLOEXEC })],
  prlimit64: [plain, one(RLIMIT), rlimit, rlimit],
  setns: [plain, bits(CLONE)],
  // The following comparison checks the device.
  statx: ({ args }) => [
    at(args[0]!),
    plain(args[1]!),
    `AT_STATX_SYNC_AS_STAT|${
      flags(Number(args[2]), { AT_SYMLINK_NOFOLLOW: 0x100, ...PATH_FLAGS })
    }`,
    "STATX_BASIC_STATS",
    "{...}",
  ],
  seccomp: [
    one({ SECCOMP_SET_MODE_FILTER: SECCOMP.SECCOMP_SET_MODE_FILTER }),
    bits(FILTER_FLAGS),
    filter,
  ],
  execveat: [plain, plain, plain, plain, bits(PATH_FLAGS)],
  close_range: [plain, plain, bits({ CLOSE_RANGE_CLOEXEC: 4 })],
  open_tree: [
    at,
    plain,
    bits({ OPEN_TREE_CLONE, OPEN_TREE_CLOEXEC, ...PATH_FLAGS }),
  ],
  move_mount: [
    at,
    plain,
    at,
    plain,
    bits({
      MOVE_MOUNT_F_EMPTY_PATH,
      MOVE_MOUNT_T_SYMLINKS,
      MOVE_MOUNT_T_EMPTY_PATH,
    }),
  ],
  fsopen: [plain, bits({ FSOPEN_CLOEXEC })],
  fsconfig: [plain, one(FSCONFIG), plain, plain, plain],
  fsmount: [plain, bits({ FSMOUNT_CLOEXEC }), bits(MOUNT_ATTR)],
  mount_setattr: [at, plain, bits(PATH_FLAGS), mountAttr, plain],
};

/** The arguments of a call, as between the parentheses. */
export function showArguments(call: Call): string[] {
  const row = ARGUMENTS[call.name];
  if (typeof row === "function") return row(call);
  const shown = row ?? call.args.map(() => plain);
  return shown.map((show, index) => show(call.args[index] ?? null, call.args));
}

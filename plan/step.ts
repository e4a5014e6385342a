/**
 * The vocabulary of a plan: every kind of step, as plain data. Flags and names
 * are spelled as in the man pages; launch/lower/lower.ts turns them into
 * numbers. The `why` of a step answers why it is done, and `man` names the page
 * to read on.
 */

import type { Device, NamespaceType, TimeOffset } from "../spec/types.ts";
import type { MemoryPolicy } from "../spec/types_linux.ts";
import type { IOPriority, Scheduler } from "../spec/types_process.ts";
import type { HostKind } from "./host_kinds.ts";
import type { FileRight, PortRight, Scope } from "./landlock_rights.ts";
import type { FurtherKinds } from "./sandbox_kinds.ts";
import type { TerminalSettings } from "./process/terminal_settings.ts";
import type {
  KernelAnchor,
  KernelType,
  MountAttribute,
  MountFlag,
  Propagation,
} from "./mounts/words.ts";

export type {
  KernelAnchor,
  KernelType,
  MountAttribute,
  MountFlag,
  Propagation,
};

/**
 * A 64-bit limit; -1 means none. It is decimal text if a number would lose
 * digits: JSON has no bigint.
 */
export type LimitValue = number | string;

/** The fields of a step that needs none. */
export type Nothing = Record<never, never>;

/** The fields of each kind of step, besides `why` and `man`. */
export type Kinds = {
  // ── namespaces ──
  /** setns(2) for each namespace, by path. */
  joinNamespaces: {
    namespaces: readonly { type: NamespaceType; path: string }[];
  };
  /** setns(2) to a process's namespaces; chroot(2) if its root is a directory. */
  joinProcess: {
    pid: number;
    namespaces: readonly NamespaceType[];
    /** Whether its root differs from the root of its mount namespace. */
    root: boolean;
  };
  /** clone3(2): creates the new process, in new namespaces. */
  clone: {
    namespaces: readonly NamespaceType[];
    /** CLONE_INTO_CGROUP: the cgroup in which it is created. */
    cgroup?: string;
    /** Present if `openCgroups` has already opened that cgroup. */
    opened?: true;
  };
  /** unshare(2). */
  unshare: { namespaces: readonly NamespaceType[] };
  /** sethostname(2). */
  setHostname: { hostname: string };
  /** setdomainname(2). */
  setDomainname: { domainname: string };
  /** unshare(2), write(2) to /proc/self/timens_offsets, setns(2). */
  enterTimeNamespace: { monotonic?: TimeOffset; boottime?: TimeOffset };
  /** ioctl(2) SIOCSIFFLAGS: `lo` up. */
  raiseLoopback: Nothing;
  /** keyctl(2) KEYCTL_JOIN_SESSION_KEYRING. */
  joinKeyring: Nothing;

  // ── between parent and child ──
  /** setpgid(2): a new process group; `foreground` makes it the terminal's. */
  setProcessGroup: { foreground: boolean };
  /** prctl(2) PR_SET_PDEATHSIG. */
  setParentDeathSignal: { signal: "SIGKILL" };
  /** read(2) from the pipe to the parent, until the parent has done its part. */
  waitForParent: Nothing;
  /** ppoll(2) of the pipe to the parent: fails if the parent has ended. */
  checkParent: Nothing;
  /** sigprocmask(2) SIG_SETMASK. */
  setSignalMask: { blocked: readonly string[] };
  /** sigaction(2) SIG_DFL of every signal. */
  defaultSignals: Nothing;
  /** close_range(2). */
  closeDescriptors: { from: number; to?: number };
  /** dup3(2): moves the descriptors that the command keeps to 3 and upwards. */
  arrangeDescriptors: { count: number };
  /** fchown(2): lets the command's user open its streams again. */
  giveStreams: { descriptors: readonly number[]; uid: number };
  /**
   * open(2) and dup3(2): replaces the host's null device by the container's.
   * With `make`, a node is made if the container has none.
   */
  reopenNull: { descriptors: readonly number[]; make: boolean };
  /** The same for another default device. */
  reopenDevice: {
    path: string;
    major: number;
    minor: number;
    descriptors: readonly number[];
    make: boolean;
  };
  /** write(2) to standard error. */
  announce: { text: string };
  /** execveat(2) of our own executable, by descriptor. */
  executeSelf: { argv: readonly string[]; env: readonly string[] };
  /** open(2) of the walker's own program. */
  keepWalker: Nothing;
  /** execveat(2) of the program that was kept; the named mounts stay open. */
  executeWalker: { keep: readonly string[] };
  /** prctl(2) PR_SET_DUMPABLE. */
  setDumpable: { dumpable: boolean };
  /** openat(2) and dup3(2): opens cgroup files as the descriptors from `from` upwards. */
  openCgroups: {
    files: readonly string[];
    from: number;
    /** The directory of the cgroup in which a process will be created. */
    birthplace?: string;
  };
  /** write(2) of 0 to each of the opened cgroup files, from `from` upwards. */
  joinCgroups: { files: readonly string[]; from: number };

  // ── mounts and root ──
  /** open_tree(2): a detached copy of a mount, kept under a name. */
  openTree: {
    name: string;
    source: string;
    recursive: boolean;
    /** The source is looked up inside the root. */
    inside?: true;
    /** The path must not lead to /proc or /sys. */
    keepsOffKernel?: true;
  };
  /** fsopen(2), fsconfig(2), fsmount(2): a file system that is not attached yet. */
  createFilesystem: {
    name: string;
    type: string;
    source: string;
    options: readonly string[];
    attributes: readonly MountAttribute[];
  };
  /** fcntl(2): names a mount that the parent made and passed as a descriptor. */
  receiveMount: { name: string; descriptor: number };
  /**
   * mount_setattr(2) of a named mount, of a path, or of a path looked up inside
   * the root.
   */
  setMountAttributes: {
    mount: { name: string } | { path: string } | { inside: string };
    /** The mount's source on the host, which tells a reader more than its name. */
    of?: string;
    set: readonly MountAttribute[];
    clear?: readonly MountAttribute[];
    propagation?: Propagation;
    recursive: boolean;
  };
  /** move_mount(2): attaches a named mount at a path. */
  attach: {
    name: string;
    target: string;
    /** What a bind mount shows. */
    kind?: "file" | "directory";
    /** The path must not lead to /proc or /sys. */
    keepsOffKernel?: true;
    /** A missing path is not an error. */
    ifThere?: true;
  };
  /** mkdirat(2) or mknodat(2), with the missing directories above. */
  makeMountpoint: {
    path: string;
    kind: "directory" | "file";
    /** The path of a link that leads there, and to nothing yet. */
    link?: string;
    /** A directory above it that exists already. */
    inside?: string;
  };
  /** mount(2). */
  mount: {
    source: string | null;
    target: string;
    type: string | null;
    flags: readonly MountFlag[];
    data: string | null;
    keepsOffKernel?: true;
  };
  /** An overlay: a writable layer, in memory or in a directory, over the root. */
  mountOverlay: {
    root: string;
    /** The name of the root filesystem, if it is a mount that is not attached. */
    lower?: string;
    target: string;
    upper: string | null;
    work: string | null;
    userNamespace: boolean;
    /** A number above every descriptor that is open at this step. */
    above: number;
  };
  /** chdir(2), pivot_root(2), umount2(2). */
  pivotRoot: { root: string };
  /** chroot(2). */
  chroot: { root: string };
  /** umount2(2). */
  unmount: { target: string };
  /** Covers a directory with an empty one, a file with the mount named `cover`. */
  maskPath: {
    path: string;
    cover: string;
    /** Whether this is the last use of `cover`. */
    last: boolean;
    within?: KernelAnchor;
  };
  /** Makes a path read-only, with everything below it. */
  readonlyPath: { path: string; within?: KernelAnchor };
  /**
   * mknodat(2), with the missing directories above; `inside` exists already.
   * The same device may exist already.
   */
  makeDevice: Device & { inside?: string; ifWritable?: true };
  /** symlinkat(2). */
  makeSymlink: { path: string; to: string; ifWritable?: true };
  /** open(2) and write(2): puts a text into an existing file. */
  writeFile: { path: string; text: string };
  /** open(2) O_CREAT, write(2), fchmod(2). */
  makeFile: { path: string; text: string; mode: number };
  /** write(2) below /proc/sys. */
  setSysctl: { key: string; value: string };

  // ── the user's process ──
  /** setgroups(2), setresgid(2), setresuid(2). */
  setIds: { uid: number; gid: number; groups: readonly number[] | null };
  /** prctl(2) PR_SET_KEEPCAPS. */
  keepCapabilities: Nothing;
  /** prctl(2) PR_SET_SECUREBITS to none, PR_CAPBSET_DROP of all other capabilities. */
  limitCapabilities: { bounding: readonly string[] };
  /** capset(2), prctl(2) PR_CAP_AMBIENT. */
  setCapabilities: {
    effective: readonly string[];
    permitted: readonly string[];
    inheritable: readonly string[];
    ambient: readonly string[];
  };
  /** prctl(2) PR_SET_NO_NEW_PRIVS. */
  setNoNewPrivileges: Nothing;
  /** prlimit(2). */
  setRlimit: { type: string; soft: LimitValue; hard: LimitValue };
  /** write(2) to /proc/self/oom_score_adj. */
  setOomScore: { score: number };
  /** umask(2). */
  setUmask: { mask: number };
  /** setpriority(2). */
  setNice: { nice: number };
  /** sched_setaffinity(2). */
  setAffinity: { cpus: readonly number[] | "all" };
  /** ioprio_set(2). */
  setIoPriority: IOPriority;
  /** sched_setattr(2). */
  setScheduler: Scheduler;
  /** set_mempolicy(2). */
  setMemoryPolicy: {
    mode: MemoryPolicy["mode"];
    nodes: readonly number[];
    flags: NonNullable<MemoryPolicy["flags"]>;
  };
  /** personality(2). */
  setPersonality: { domain: "LINUX" | "LINUX32" };
  /** seccomp(2) SECCOMP_SET_MODE_FILTER. */
  setSeccomp: { profile: string; filter: string; flags: number };
  /** dup3(2): moves the socket to the parent; `null` is the number it was passed as. */
  keepSocket: { from: number | null; to: number };
  /** sendmsg(2): sends the filter's listener to the parent. */
  sendListener: { socket: number; listener: number; mark?: string };
  /** landlock_create_ruleset(2). */
  createRuleset: {
    files: readonly FileRight[];
    ports: readonly PortRight[];
    scopes: readonly Scope[];
  };
  /** landlock_add_rule(2) LANDLOCK_RULE_PATH_BENEATH. */
  allowBelow: {
    path: string;
    allow: "ro" | "rw" | "exec";
    rights: readonly FileRight[];
  };
  /** landlock_add_rule(2) LANDLOCK_RULE_NET_PORT. */
  allowPort: { port: number; right: PortRight };
  /** landlock_restrict_self(2). */
  restrictSelf: Nothing;
  /** write(2) to /proc/self/attr/…/exec. */
  setLabel: { kind: "apparmor" | "selinux"; label: string };
  /** setsid(2). */
  makeSession: Nothing;
  /** A terminal of the container's own devpts; the parent gets `master`. */
  openTerminal: {
    master: number;
    size: { height: number; width: number } | null;
    streams: readonly number[];
    /** The settings of the caller's terminal, struct termios. */
    settings?: TerminalSettings;
    /** Whether it becomes /dev/console too; by default that is made. */
    console?: false | "ifThere";
    /** Present if no carriage return is added to lines (ONLCR off). */
    plainLines?: true;
  };
  /** dup3(2): makes further streams the terminal at standard input. */
  shareTerminal: { streams: readonly number[] };
  /** chdir(2). Of the two attempts at the same directory, one has to succeed. */
  changeDirectory: { path: string; turn?: "first" | "second" };
  /** getcwd(2): the step fails if the working directory is outside the root. */
  checkDirectory: Nothing;
  /** execve(2), one try for each candidate. */
  execute: {
    candidates: readonly string[];
    argv: readonly string[];
    env: readonly string[];
  };

  // ── between create and start ──
  /** dup3(2) O_CLOEXEC: moves the descriptors that are needed until the execve. */
  keepHold: {
    /** Null: the numbers they were passed as. */
    from: { status: number; start: number } | null;
    to: { status: number; start: number };
  };
  /** faccessat2(2): fails if none of the candidates can be executed. */
  checkCommand: { candidates: readonly string[]; argv: readonly string[] };
  /** write(2) to the creating command. */
  reportReady: { status: number; mark?: string };
  /** read(2) from the starting command. */
  waitForStart: { start: number; mark?: string };
  /** write(2) to the creating command, read(2) of its answer. */
  waitForHooks: Nothing;
  /** openat(2) O_PATH of a root directory, for a later return. */
  keepRoot: { path: string };
  /** fchdir(2) to the root that was kept. */
  enterKeptRoot: Nothing;
  /** openat(2) O_PATH of our root directory, chroot(2) to another. */
  visitRoot: { root: string };
  /** fchdir(2) and chroot(2) back to the root that was kept. */
  returnToRoot: Nothing;

  // ── the end ──
  /** kill(2) of -1 and wait4(2) until no process is left. */
  killAll: Nothing;
} & FurtherKinds;

/** The name of a kind of step. */
export type StepKind = keyof Kinds;

/** A step of one kind. */
export type StepOf<K extends StepKind> = K extends StepKind
  ? { step: K; why: string; man: string } & Kinds[K]
  : never;

/** A step of any kind. */
export type Step = StepOf<StepKind>;

/** A step of the host phase. */
export type HostStep = StepOf<HostKind>;

/**
 * Where steps run, and which process carries them out. The parent carries out
 * `host`; the walker carries out `launch` and `process`. By default our
 * program, as PID 1, carries out `container` and `cleanup`. Without our program
 * inside, the walker carries out `container` as well and nothing is cleaned up.
 */
export type Phase = "host" | "launch" | "container" | "process" | "cleanup";

/**
 * Everything that `run` will do, in order. It is plain data: JSON preserves all
 * of it, and a parsed plan runs the same.
 */
export interface Plan {
  /** Whether our program stays inside as PID 1. */
  init: boolean;
  /** Done by the parent, on the host. */
  host: HostStep[];
  /** Done on the way from the host into the namespaces. */
  launch: Step[];
  /** Done as PID 1 of the container. */
  container: Step[];
  /** Done in the process that becomes the command. */
  process: Step[];
  /** Done after the command has ended. */
  cleanup: Step[];
}

/** The phases in the order in which they happen. */
export const PHASES: readonly Phase[] = [
  "host",
  "launch",
  "container",
  "process",
  "cleanup",
];

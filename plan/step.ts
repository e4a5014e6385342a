/**
 * The vocabulary of a plan: every kind of step there is, as plain data. Flags
 * and names are spelled as in the man pages; numbers come later, in
 * launch/lower/lower.ts. Each step says in `why` what a reader would ask.
 */

import type {
  Device,
  NamespaceType,
  Rlimit,
  TimeOffset,
} from "../spec/types.ts";
import type { MemoryPolicy } from "../spec/types_linux.ts";
import type { IOPriority, Scheduler } from "../spec/types_process.ts";
import type { HostKinds } from "./host_kinds.ts";
import type { FileRight, PortRight, Scope } from "./landlock_rights.ts";
import type { MountAttribute, MountFlag, Propagation } from "./mounts/words.ts";

export type { MountAttribute, MountFlag, Propagation };

/**
 * A file system of the kernel that has to be found at its place before
 * something is done in it: /proc, /sys.
 */
export type KernelType = "proc" | "sysfs";

/**
 * What a path is followed from. The first of some neighbours opens it and makes
 * sure of it, the last one closes it.
 */
export interface KernelAnchor {
  type: KernelType;
  opens: boolean;
  closes: boolean;
}

/** A step that says all by its name. */
export type Nothing = Record<never, never>;

/** What each kind of step says beside `why` and `man`. */
export type Kinds = {
  // ── namespaces ──
  /** setns(2) of each, by path. */
  joinNamespaces: {
    namespaces: readonly { type: NamespaceType; path: string }[];
  };
  /** setns(2) of a process, and chroot(2) where its root is a directory. */
  joinProcess: {
    pid: number;
    namespaces: readonly NamespaceType[];
    /** Its root is not what its mount namespace has for one. */
    root: boolean;
  };
  /** clone3(2): the new process, born into new namespaces. */
  clone: {
    namespaces: readonly NamespaceType[];
    /** CLONE_INTO_CGROUP: where it is born. */
    cgroup?: string;
    /** That cgroup is open already (`openCgroups`). */
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
  /** setpgid(2): a process group of its own. */
  setProcessGroup: { foreground: boolean };
  /** prctl(2) PR_SET_PDEATHSIG. */
  setParentDeathSignal: { signal: "SIGKILL" };
  /** read(2) from the lifeline: the parent has done its part. */
  waitForParent: Nothing;
  /** ppoll(2) of the lifeline: is the parent still there? */
  checkParent: Nothing;
  /** sigprocmask(2) SIG_SETMASK. */
  setSignalMask: { blocked: readonly string[] };
  /** sigaction(2) SIG_DFL of every signal. */
  defaultSignals: Nothing;
  /** close_range(2). */
  closeDescriptors: { from: number; to?: number };
  /** dup3(2): descriptors that the command keeps, to 3 and upwards. */
  arrangeDescriptors: { count: number };
  /** fchown(2): the command's user may open them again. */
  giveStreams: { descriptors: readonly number[]; uid: number };
  /** open(2) and dup3(2): the container's null device for the host's; `make`: or else one that is made. */
  reopenNull: { descriptors: readonly number[]; make: boolean };
  /** The same for another device that every container has. */
  reopenDevice: {
    path: string;
    major: number;
    minor: number;
    descriptors: readonly number[];
    make: boolean;
  };
  /** execveat(2) of our own executable, by descriptor. */
  executeSelf: { argv: readonly string[]; env: readonly string[] };
  /** open(2) of the walker's own program. */
  keepWalker: Nothing;
  /** execveat(2) of what was kept; mounts under these names stay open. */
  executeWalker: { keep: readonly string[] };
  /** prctl(2) PR_SET_DUMPABLE. */
  setDumpable: { dumpable: boolean };
  /** openat(2) and dup3(2) of each cgroup's file, to numbers from one upwards. */
  openCgroups: {
    files: readonly string[];
    from: number;
    /** The directory of the cgroup that a process will be born in. */
    birthplace?: string;
  };
  /** write(2) of 0 to each file of a cgroup that is open from a number upwards. */
  joinCgroups: { files: readonly string[]; from: number };

  // ── mounts and root ──
  /** open_tree(2): a detached copy of a mount, under a name; of one inside the root if `inside`. */
  openTree: {
    name: string;
    source: string;
    recursive: boolean;
    inside?: true;
    /** It is not to lead to /proc or /sys. */
    keepsOffKernel?: true;
  };
  /** fsopen(2), fsconfig(2), fsmount(2): a file system, not attached yet. */
  createFilesystem: {
    name: string;
    type: string;
    source: string;
    options: readonly string[];
    attributes: readonly MountAttribute[];
  };
  /** fcntl(2): a mount that the parent made and handed over, under a name. */
  receiveMount: { name: string; descriptor: number };
  /** mount_setattr(2) of what has a name, of a path, or of one that is looked up inside. */
  setMountAttributes: {
    mount: { name: string } | { path: string } | { inside: string };
    /** Where on the host it is from, which says more than its name. */
    of?: string;
    set: readonly MountAttribute[];
    clear?: readonly MountAttribute[];
    propagation?: Propagation;
    recursive: boolean;
  };
  /**
   * move_mount(2): what has a name, to a path; `keepsOffKernel`: which is not to
   * lead to /proc or /sys; `ifThere`: to none where it is missing.
   */
  attach: {
    name: string;
    target: string;
    keepsOffKernel?: true;
    ifThere?: true;
  };
  /** mkdirat(2) or mknodat(2), with what is above it, below `inside`. */
  makeMountpoint: {
    path: string;
    kind: "directory" | "file";
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
  /** Overlay: a writable layer in memory or in a directory over the root. */
  mountOverlay: {
    root: string;
    /** The name of the root filesystem, where it is a mount without a place. */
    lower?: string;
    target: string;
    upper: string | null;
    work: string | null;
    userNamespace: boolean;
    /** A number above those of the descriptors that are open then. */
    above: number;
  };
  /** chdir(2), pivot_root(2), umount2(2). */
  pivotRoot: { root: string };
  /** chroot(2). */
  chroot: { root: string };
  /** umount2(2). */
  unmount: { target: string };
  /** Over a path goes an empty file (that which has the name `cover`, until the last one) or directory. */
  maskPath: {
    path: string;
    cover: string;
    last: boolean;
    within?: KernelAnchor;
  };
  /** A path becomes read-only, with what is below it. */
  readonlyPath: { path: string; within?: KernelAnchor };
  /** mknodat(2), with what is above it, below `inside`; the same device may be there. */
  makeDevice: Device & { inside?: string; ifWritable?: true };
  /** symlinkat(2). */
  makeSymlink: { path: string; to: string; ifWritable?: true };
  /** A file with a text, for a bind mount without a source. */
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
  /** prctl(2) PR_SET_SECUREBITS to none, PR_CAPBSET_DROP of all others. */
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
  setRlimit: Rlimit;
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
  /** dup3(2): the socket to the parent (`null`: as it was handed), to a number of its own. */
  keepSocket: { from: number | null; to: number };
  /** sendmsg(2): the listener of the filter, to the parent. */
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
  /** A pseudo-terminal of the container's own devpts as standard streams. */
  openTerminal: {
    size: { height: number; width: number } | null;
    streams: readonly number[];
    /** It is /dev/console, too, unless the container has one. */
    console?: false;
    /** What is written gets no carriage return more (ONLCR). */
    plainLines?: true;
  };
  /** dup3(2): the terminal at standard input as further streams. */
  shareTerminal: { streams: readonly number[] };
  /** chdir(2); of two turns at the same directory, one has to succeed. */
  changeDirectory: { path: string; turn?: "first" | "second" };
  /** getcwd(2): fails where the directory is outside the root. */
  checkDirectory: Nothing;
  /** execve(2), one try for each candidate. */
  execute: {
    candidates: readonly string[];
    argv: readonly string[];
    env: readonly string[];
  };

  // ── between create and start ──
  /** dup3(2) O_CLOEXEC of the descriptors that are needed until the execve. */
  keepHold: {
    /** Null: as they were handed. */
    from: { status: number; start: number } | null;
    to: { status: number; start: number };
  };
  /** faccessat2(2): one of these can be executed. */
  checkCommand: { candidates: readonly string[]; argv: readonly string[] };
  /** write(2) to who creates. */
  reportReady: { status: number; mark?: string };
  /** read(2) from who starts. */
  waitForStart: { start: number; mark?: string };
  /** write(2) to who creates, read(2) of its answer. */
  waitForHooks: Nothing;
  /** openat(2) O_PATH of a root directory, to come back to. */
  keepRoot: { path: string };
  /** fchdir(2): to the root that was kept. */
  enterKeptRoot: Nothing;
  /** openat(2) O_PATH of our root directory, chroot(2) to another. */
  visitRoot: { root: string };
  /** fchdir(2) and chroot(2): back to what was kept. */
  returnToRoot: Nothing;

  // ── the end ──
  /** kill(2) of -1 and wait4(2) until nothing is left. */
  killAll: Nothing;
} & HostKinds;

/** The kinds of step. */
export type StepKind = keyof Kinds;

/** One step of one kind. */
export type StepOf<K extends StepKind> = K extends StepKind
  ? { step: K; why: string; man: string } & Kinds[K]
  : never;

/** Any step. */
export type Step = StepOf<StepKind>;

/**
 * Where and by whom steps are carried out: `host` by the parent, `launch` and
 * `process` by the walker. `container` and `cleanup` belong to our own program
 * as PID 1 in the default mode; without it, the walker does `container` too and
 * there is nothing to clean up.
 */
export type Phase = "host" | "launch" | "container" | "process" | "cleanup";

/** What `run` will do, in order. */
export interface Plan {
  /** Whether our own program stays inside as PID 1. */
  init: boolean;
  /** By the parent, on the host. */
  host: Step[];
  /** On the way from the host into the namespaces. */
  launch: Step[];
  /** As PID 1 of the container. */
  container: Step[];
  /** In the process that becomes the command. */
  process: Step[];
  /** Once the command has ended. */
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

/**
 * The vocabulary of a plan: every kind of step there is, as plain data. Flags
 * and names are spelled as in the man pages; numbers come later, in
 * launch/lower.ts. Each step says in `why` what a reader would ask.
 */

import type { NamespaceType } from "../spec/types.ts";

/** A flag of mount(2). */
export type MountFlag =
  | "MS_RDONLY"
  | "MS_NOSUID"
  | "MS_NODEV"
  | "MS_NOEXEC"
  | "MS_BIND"
  | "MS_REC"
  | "MS_PRIVATE"
  | "MS_SLAVE"
  | "MS_SHARED"
  | "MS_REMOUNT"
  | "MS_RELATIME";

type Kinds = {
  /** clone3(2): the new process, born into new namespaces. */
  clone: { namespaces: NamespaceType[] };
  /** setpgid(2): a process group of its own. */
  setProcessGroup: { foreground: boolean };
  /** prctl(2) PR_SET_PDEATHSIG. */
  setParentDeathSignal: { signal: "SIGKILL" };
  /** read(2) from the lifeline: the parent has done its part. */
  waitForParent: Record<never, never>;
  /** ppoll(2) of the lifeline: is the parent still there? */
  checkParent: Record<never, never>;
  /** sigprocmask(2) SIG_SETMASK. */
  setSignalMask: { blocked: string[] };
  /** sigaction(2) SIG_DFL. */
  defaultSignals: { signals: string[] };
  /** close_range(2). */
  closeDescriptors: { from: number };
  /** execveat(2) of our own executable, by descriptor. */
  executeSelf: { argv: string[]; env: string[] };
  /** prctl(2) PR_SET_DUMPABLE. */
  setDumpable: { dumpable: false };
  /** unshare(2). */
  unshare: { namespaces: NamespaceType[] };
  /** sethostname(2). */
  setHostname: { hostname: string };
  /** mount(2). */
  mount: {
    source: string | null;
    target: string;
    type: string | null;
    flags: MountFlag[];
    data: string | null;
  };
  /** mkdirat(2); one that is there already is fine. */
  makeDirectory: { path: string; mode: number };
  /** chdir(2), pivot_root(2), umount2(2). */
  pivotRoot: { root: string };
  /** chroot(2). */
  chroot: { root: string };
  /** chdir(2). */
  changeDirectory: { path: string };
  /** getcwd(2): fails where the directory is outside the root. */
  checkDirectory: Record<never, never>;
  /** execve(2), one try for each candidate. */
  execute: { candidates: string[]; argv: string[]; env: string[] };
  /** kill(2) of -1 and wait4(2) until nothing is left. */
  killAll: Record<never, never>;
  /** umount2(2). */
  unmount: { target: string };
};

/** The kinds of step. */
export type StepKind = keyof Kinds;

/** One step of one kind. */
export type StepOf<K extends StepKind> = K extends StepKind
  ? { step: K; why: string; man: string } & Kinds[K]
  : never;

/** Any step. */
export type Step = StepOf<StepKind>;

/**
 * Where and by whom steps are carried out. In the default mode `launch` and
 * `process` are walked by the walker and `container` and `cleanup` by our own
 * program as PID 1.
 */
export type Phase = "launch" | "container" | "process" | "cleanup";

/** What `run` will do, in order. */
export interface Plan {
  launch: Step[];
  container: Step[];
  process: Step[];
  cleanup: Step[];
}

/** The phases in the order in which they happen. */
export const PHASES: readonly Phase[] = [
  "launch",
  "container",
  "process",
  "cleanup",
];

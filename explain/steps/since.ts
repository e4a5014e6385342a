/** The kernel version that added each system call, syscalls(2). Pure data. */

/** Linux versions by system call. */
export const SINCE: Readonly<Record<string, string | undefined>> = {
  capset: "2.2",
  chdir: "1.0",
  chroot: "1.0",
  clone3: "5.3",
  close: "1.0",
  close_range: "5.9",
  dup3: "2.6.27",
  execve: "1.0",
  execveat: "3.19",
  faccessat2: "5.8",
  fchdir: "1.0",
  fchmod: "1.0",
  fchmodat: "2.6.16",
  fchownat: "2.6.16",
  fcntl: "1.0",
  flock: "2.0",
  fsconfig: "5.2",
  fsmount: "5.2",
  fsopen: "5.2",
  fstatfs: "1.0",
  getcwd: "2.2",
  getpid: "1.0",
  ioctl: "1.0",
  ioprio_set: "2.6.13",
  keyctl: "2.6.10",
  kill: "1.0",
  landlock_add_rule: "5.13",
  landlock_create_ruleset: "5.13",
  landlock_restrict_self: "5.13",
  mkdir: "1.0",
  mkdirat: "2.6.16",
  mknodat: "2.6.16",
  mount: "1.0",
  mount_setattr: "5.12",
  move_mount: "5.2",
  open_tree: "5.2",
  openat: "2.6.16",
  openat2: "5.6",
  personality: "1.2",
  pidfd_open: "5.3",
  pivot_root: "2.4",
  ppoll: "2.6.16",
  prctl: "2.2",
  prlimit64: "2.6.36",
  read: "1.0",
  rt_sigaction: "2.2",
  rt_sigprocmask: "2.2",
  sched_setaffinity: "2.6",
  sched_setattr: "3.14",
  seccomp: "3.17",
  sendmsg: "2.0",
  sethostname: "1.0",
  set_mempolicy: "2.6.7",
  setdomainname: "1.0",
  setgroups: "1.0",
  setns: "3.0",
  setpgid: "1.0",
  setpriority: "1.0",
  setresgid: "2.2",
  setresuid: "2.2",
  setsid: "1.0",
  socket: "2.0",
  statx: "4.11",
  symlinkat: "2.6.16",
  umask: "1.0",
  umount2: "2.2",
  unshare: "2.6.16",
  write: "1.0",
};

/** The oldest kernel that this program supports. */
export const FLOOR = "5.12";

/** Whether a feature is newer than the oldest supported kernel. */
export const isNewerThanFloor = ({ version }: Since): boolean =>
  isOlder(FLOOR, version);

/** A Linux version and the feature it added. */
export interface Since {
  version: string;
  what: string;
}

/** The newest feature; the first of those with the same version. */
export function youngest(all: readonly Since[]): Since | null {
  return all.reduce<Since | null>(
    (found, next) =>
      found && !isOlder(found.version, next.version) ? found : next,
    null,
  );
}

/** Whether version a is older than version b. */
function isOlder(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => text.split(".").map(Number));
  for (let at = 0; at < 3; at++) {
    const difference = (left![at] ?? 0) - (right![at] ?? 0);
    if (difference) return difference < 0;
  }
  return false;
}

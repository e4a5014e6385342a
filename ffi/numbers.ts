/**
 * The numbers of the system calls that we make, by architecture (asm/unistd.h).
 */

// name: [x86_64, aarch64]
const NUMBERS = {
  read: [0, 63],
  write: [1, 64],
  close: [3, 57],
  lseek: [8, 62],
  mmap: [9, 222],
  mprotect: [10, 226],
  mincore: [27, 232],
  rt_sigaction: [13, 134],
  rt_sigprocmask: [14, 135],
  ioctl: [16, 29],
  pread64: [17, 67],
  dup: [32, 23],
  getpid: [39, 172],
  clone: [56, 220],
  execve: [59, 221],
  wait4: [61, 260],
  kill: [62, 129],
  fcntl: [72, 25],
  flock: [73, 32],
  getcwd: [79, 17],
  chdir: [80, 49],
  fchdir: [81, 50],
  umask: [95, 166],
  getuid: [102, 174],
  geteuid: [107, 175],
  setpgid: [109, 154],
  setsid: [112, 157],
  setgroups: [116, 159],
  setresuid: [117, 147],
  setresgid: [119, 149],
  getpgid: [121, 155],
  capget: [125, 90],
  capset: [126, 91],
  rt_sigtimedwait: [128, 137],
  rt_sigqueueinfo: [129, 138],
  sigaltstack: [131, 132],
  personality: [135, 92],
  fstatfs: [138, 44],
  setpriority: [141, 140],
  pivot_root: [155, 41],
  prctl: [157, 167],
  chroot: [161, 51],
  mount: [165, 40],
  umount2: [166, 39],
  sethostname: [170, 161],
  setdomainname: [171, 162],
  gettid: [186, 178],
  getxattr: [191, 8],
  sched_setaffinity: [203, 122],
  exit_group: [231, 94],
  epoll_ctl: [233, 21],
  set_mempolicy: [238, 237],
  waitid: [247, 95],
  keyctl: [250, 219],
  ioprio_set: [251, 30],
  openat: [257, 56],
  readlinkat: [267, 78],
  mkdirat: [258, 34],
  mknodat: [259, 33],
  fchownat: [260, 54],
  unlinkat: [263, 35],
  symlinkat: [266, 36],
  fchmod: [91, 52],
  fchown: [93, 55],
  fchmodat: [268, 53],
  faccessat: [269, 48],
  ppoll: [271, 73],
  unshare: [272, 97],
  socket: [41, 198],
  connect: [42, 203],
  sendmsg: [46, 211],
  bind: [49, 200],
  recvmsg: [47, 212],
  socketpair: [53, 199],
  getpriority: [140, 141],
  sendto: [44, 206],
  recvfrom: [45, 207],
  epoll_create1: [291, 20],
  dup3: [292, 24],
  syncfs: [306, 267],
  fsync: [74, 82],
  pipe2: [293, 59],
  prlimit64: [302, 261],
  setns: [308, 268],
  kcmp: [312, 272],
  sched_setattr: [314, 274],
  seccomp: [317, 277],
  renameat2: [316, 276],
  memfd_create: [319, 279],
  bpf: [321, 280],
  execveat: [322, 281],
  statx: [332, 291],
  pidfd_send_signal: [424, 424],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  pidfd_open: [434, 434],
  faccessat2: [439, 439],
  clone3: [435, 435],
  close_range: [436, 436],
  openat2: [437, 437],
  mount_setattr: [442, 442],
  landlock_create_ruleset: [444, 444],
  landlock_add_rule: [445, 445],
  landlock_restrict_self: [446, 446],
} as const;

/** A system call that this program makes. */
export type SyscallName = keyof typeof NUMBERS;

let names: Map<number, SyscallName> | undefined;

/**
 * The name of a call by its number on this machine; `system call N` if it is
 * not in the table.
 */
export function nameOf(number: number): string {
  names ??= new Map(
    (Object.keys(NUMBERS) as SyscallName[]).map((
      name,
    ) => [numberOf(name), name]),
  );
  return names.get(number) ?? `system call ${number}`;
}

/** The number of a call on an architecture, by default this machine's. */
export function numberOf(
  name: SyscallName,
  arch: typeof Deno.build.arch = Deno.build.arch,
): number {
  return NUMBERS[name][arch === "aarch64" ? 1 : 0];
}

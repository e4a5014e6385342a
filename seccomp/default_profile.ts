/**
 * The system calls that a container may make by default: the intent of docker's
 * default profile, as a table of our own with a reason for each group. Other
 * calls are refused. They reach beyond the container (the clock, modules, swap,
 * key rings), serve only system administration, or are a large and young attack
 * surface that few programs need (io_uring, userfaultfd, bpf). A capability
 * allows the calls that it is made for.
 */

import type {
  SeccompHost,
  SeccompProfile,
  SeccompRule,
} from "../spec/seccomp.ts";

interface Group {
  why: string;
  /** Names separated by white space; an architecture may lack some of them. */
  calls: string;
}

const ALWAYS: Group[] = [
  {
    why:
      "Files and directories: what may be touched is a matter of their permissions.",
    calls: `open openat openat2 creat close close_range access faccessat
      faccessat2 stat fstat lstat newfstatat statx stat64 fstat64 lstat64
      fstatat64 statfs fstatfs statfs64 fstatfs64 mkdir mkdirat rmdir link
      linkat symlink symlinkat unlink unlinkat rename renameat renameat2
      readlink readlinkat mknod mknodat chmod fchmod fchmodat fchmodat2 chown
      fchown lchown fchownat chown32 fchown32 lchown32 umask chdir fchdir
      getcwd getdents getdents64 utime utimes utimensat utimensat_time64
      futimesat truncate ftruncate truncate64 ftruncate64 name_to_handle_at`,
  },
  {
    why: "Extended and inode attributes: the kernel checks each.",
    calls: `getxattr lgetxattr fgetxattr getxattrat setxattr lsetxattr
      fsetxattr setxattrat listxattr llistxattr flistxattr listxattrat
      removexattr lremovexattr fremovexattr removexattrat file_getattr
      file_setattr`,
  },
  {
    why: "Reading, writing and moving data.",
    calls: `read write pread64 pwrite64 readv writev preadv pwritev preadv2
      pwritev2 lseek _llseek sendfile sendfile64 splice tee vmsplice
      copy_file_range readahead fadvise64 fadvise64_64 arm_fadvise64_64
      fallocate fsync fdatasync sync syncfs sync_file_range sync_file_range2
      arm_sync_file_range cachestat io_setup io_submit io_cancel io_destroy
      io_getevents io_pgetevents io_pgetevents_time64`,
  },
  {
    why: "Descriptors, and waiting for them. ioctl has exceptions, below.",
    calls: `dup dup2 dup3 fcntl fcntl64 flock ioctl pipe pipe2 poll ppoll
      ppoll_time64 select _newselect pselect6 pselect6_time64 epoll_create
      epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old
      epoll_pwait epoll_pwait2 eventfd eventfd2 signalfd signalfd4
      timerfd_create timerfd_settime timerfd_gettime timerfd_settime64
      timerfd_gettime64 inotify_init inotify_init1 inotify_add_watch
      inotify_rm_watch fanotify_mark memfd_create`,
  },
  {
    why: "Mounts: looking at one's own.",
    calls: "statmount listmount",
  },
  {
    why: "Memory.",
    calls: `brk mmap mmap2 munmap mremap mprotect pkey_mprotect pkey_alloc
      pkey_free madvise mincore mlock mlock2 mlockall munlock munlockall msync
      membarrier memfd_secret mseal map_shadow_stack remap_file_pages
      process_mrelease`,
  },
  {
    why: "Processes and threads; clone and ptrace have rules of their own.",
    calls: `fork vfork execve execveat exit exit_group wait4 waitid waitpid
      gettid set_tid_address set_thread_area get_thread_area arch_prctl
      modify_ldt set_tls breakpoint cacheflush prctl futex futex_time64
      futex_waitv futex_wait futex_wake futex_requeue set_robust_list
      get_robust_list rseq rseq_slice_yield restart_syscall pidfd_open
      pidfd_send_signal uretprobe uprobe`,
  },
  {
    why: "Process groups and sessions.",
    calls: "getpid getppid getpgid getpgrp setpgid getsid setsid",
  },
  {
    why: "Signals.",
    calls: `kill tkill tgkill sigaltstack sigprocmask sigreturn rt_sigaction
      rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_tgsigqueueinfo
      rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 pause`,
  },
  {
    why: "Identity: the kernel asks for the capabilities.",
    calls: `getuid getgid geteuid getegid getresuid getresgid getgroups setuid
      setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups
      getuid32 getgid32 geteuid32 getegid32 getresuid32 getresgid32
      getgroups32 setuid32 setgid32 setreuid32 setregid32 setresuid32
      setresgid32 setfsuid32 setfsgid32 setgroups32 capget capset`,
  },
  {
    why: "Scheduling, of one's own processes.",
    calls: `sched_yield sched_getparam sched_setparam sched_getscheduler
      sched_setscheduler sched_getattr sched_setattr sched_getaffinity
      sched_setaffinity sched_get_priority_min sched_get_priority_max
      sched_rr_get_interval sched_rr_get_interval_time64 getpriority
      setpriority ioprio_get ioprio_set getcpu`,
  },
  {
    why: "Clocks and timers: reading; setting one needs CAP_SYS_TIME.",
    calls: `time gettimeofday clock_gettime clock_gettime64 clock_getres
      clock_getres_time64 clock_nanosleep clock_nanosleep_time64 nanosleep
      adjtimex clock_adjtime clock_adjtime64 alarm getitimer setitimer
      timer_create timer_delete timer_gettime timer_settime timer_getoverrun
      timer_gettime64 timer_settime64 times`,
  },
  {
    why: "Limits and facts.",
    calls: `getrlimit ugetrlimit setrlimit prlimit64 getrusage sysinfo uname
      getrandom`,
  },
  {
    why: "Sockets; which kinds can be made is said below.",
    calls: `bind connect listen accept accept4 shutdown
      getsockname getpeername getsockopt setsockopt send sendto sendmsg
      sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64`,
  },
  {
    why: "System V and POSIX IPC: the IPC namespace keeps it inside.",
    calls: `ipc msgctl msgget msgrcv msgsnd semctl semget semop semtimedop
      semtimedop_time64 shmat shmctl shmdt shmget mq_open mq_unlink
      mq_timedsend mq_timedsend_time64 mq_timedreceive mq_timedreceive_time64
      mq_notify mq_getsetattr`,
  },
  {
    why: "A sandbox of one's own can only take rights away.",
    calls: `seccomp landlock_create_ruleset landlock_add_rule
      landlock_restrict_self`,
  },
];

const WITH_CAPABILITY: Record<string, Group> = {
  CAP_SYS_ADMIN: {
    why: "Mounts, namespaces and what else administrators do.",
    calls: `mount umount umount2 mount_setattr move_mount open_tree
      open_tree_attr fsopen fsconfig fsmount fspick unshare setns listns clone
      clone3 sethostname setdomainname quotactl quotactl_fd fanotify_init bpf
      perf_event_open syslog lookup_dcookie lsm_get_self_attr
      lsm_set_self_attr lsm_list_modules`,
  },
  CAP_DAC_READ_SEARCH: {
    why: "Opening a file by its handle passes over directories, and roots.",
    calls: "open_by_handle_at",
  },
  CAP_SYS_BOOT: { why: "Restarting.", calls: "reboot" },
  CAP_SYS_CHROOT: { why: "Another root directory.", calls: "chroot" },
  CAP_SYS_MODULE: {
    why: "The kernel's own code.",
    calls: "init_module finit_module delete_module",
  },
  CAP_SYS_PACCT: { why: "Process accounting.", calls: "acct" },
  CAP_SYS_PTRACE: {
    why: "Looking into other processes.",
    calls: `ptrace process_vm_readv process_vm_writev process_madvise kcmp
      pidfd_getfd`,
  },
  CAP_SYS_RAWIO: { why: "Hardware ports.", calls: "iopl ioperm" },
  CAP_SYS_TIME: {
    why: "Setting the machine's clock.",
    calls: "settimeofday stime clock_settime clock_settime64",
  },
  CAP_SYS_TTY_CONFIG: { why: "Hanging up a terminal.", calls: "vhangup" },
  CAP_SYS_NICE: {
    why: "Where memory lies.",
    calls: "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
  },
  CAP_SYSLOG: { why: "The kernel's log.", calls: "syslog" },
  CAP_BPF: { why: "Programs in the kernel.", calls: "bpf" },
  CAP_PERFMON: { why: "Measuring the kernel.", calls: "perf_event_open" },
};

/** The capabilities that change the profile. */
export const SECCOMP_CAPABILITIES: readonly string[] = Object.keys(
  WITH_CAPABILITY,
);

/**
 * ptrace(2) of one's own processes, for debuggers. Before Linux 4.8 a tracer
 * could change a call after the filter had allowed it.
 */
const TRACING = "ptrace process_vm_readv process_vm_writev";
const TRACING_SINCE = [4, 8] as const;

/**
 * Ranges of address families (AF_* of socket(2)). Two are left out because no
 * container should have them: AF_ALG (38), the kernel's cryptography, a large
 * attack surface that libraries do not need; and AF_VSOCK (40), which reaches
 * virtual machines and their host past the network namespace. Families that
 * current kernels no longer have are left out as well. The same ranges apply to
 * socketpair(2).
 *
 * The 32-bit socketcall(2) passes its arguments behind a pointer, which a
 * filter cannot read: any 32-bit program could avoid the check. After ENOSYS
 * musl uses the separate calls of Linux 4.3; glibc and Go do not. So
 * socketcall(2) is allowed to a container that declares itself 32-bit.
 */
const SOCKET_FAMILIES = [
  [13, 18], // NETBEUI, SECURITY, KEY, NETLINK, PACKET, ASH
  [21, 22], // RDS, SNA
  [24, 24], // PPPOX
  [26, 33], // LLC, IB, MPLS, CAN, TIPC, BLUETOOTH, IUCV, RXRPC
  [35, 36], // PHONET, IEEE802154
  [39, 39], // NFC
  [41, 45], // KCM, QIPCRTR, SMC, XDP, MCTP
] as const;
/**
 * UNIX, INET, AX25, IPX, APPLETALK, NETROM, BRIDGE, ATMPVC, X25, INET6, ROSE.
 */
const SOCKET_FAMILIES_BELOW = 12;

/**
 * personality(2): Linux, its 32-bit uname, each with UNAME26 (0x20000), and the
 * query of the current one.
 */
const PERSONALITIES = [0, 8, 0x20000, 0x20008, 0xffffffff];

/** CLONE_NEW* of clone(2): NS, CGROUP, UTS, IPC, USER, PID, NET. */
const CLONE_NAMESPACES = 0x7e020000;

/**
 * ioctl(2) requests that insert input into a terminal. A command that shares a
 * terminal with a shell outside could give that shell commands. Docker's
 * profile leaves these to the kernel: 6.2 and newer can refuse the first, 6.7
 * requires CAP_SYS_ADMIN for the harmful half of the second.
 */
const TERMINAL_REQUESTS = [
  0x5412, // TIOCSTI
  0x541c, // TIOCLINUX
];
/**
 * The kernel uses 32 bits of a request; a filter that compared 64 could be
 * bypassed.
 */
const REQUEST_BITS = 0xffffffff;

/**
 * The machine's own architecture and the 32-bit one that its kernel runs as
 * well.
 */
const ARCHITECTURES: Record<SeccompHost["arch"], string[]> = {
  x86_64: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
  aarch64: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
};

const EPERM = 1;
const ENOSYS = 38;

const names = (calls: string) => calls.trim().split(/\s+/);

const allow = (
  calls: string,
  args?: SeccompRule["args"],
): SeccompRule => ({
  names: names(calls),
  action: "SCMP_ACT_ALLOW",
  ...(args && { args }),
});

/** The profile of a container with these capabilities (its bounding set). */
export function defaultSeccomp(
  { capabilities, kernel, arch = Deno.build.arch, is32Bit = false }: {
    capabilities: readonly string[];
    kernel: readonly [major: number, minor: number];
    arch?: SeccompHost["arch"];
    /** Its programs are 32-bit: the personality LINUX32. */
    is32Bit?: boolean;
  },
): SeccompProfile {
  const has = (capability: string) => capabilities.includes(capability);
  const [major, minor] = kernel;
  const canTrace = major > TRACING_SINCE[0] ||
    major === TRACING_SINCE[0] && minor >= TRACING_SINCE[1];
  const syscalls = [
    allow(ALWAYS.map(({ calls }) => calls).join(" ")),
    ...(canTrace ? [allow(TRACING)] : []),
    ...SECCOMP_CAPABILITIES.filter(has).map((name) =>
      allow(WITH_CAPABILITY[name]!.calls)
    ),
    ...(has("CAP_SYS_ADMIN") ? [] : plainClone()),
    ...sockets(is32Bit),
    ...PERSONALITIES.map((value) =>
      allow("personality", [{ index: 0, value, op: "SCMP_CMP_EQ" }])
    ),
    ...TERMINAL_REQUESTS.map((request): SeccompRule => ({
      names: ["ioctl"],
      action: "SCMP_ACT_ERRNO",
      errnoRet: EPERM,
      args: [{
        index: 1,
        value: REQUEST_BITS,
        valueTwo: request,
        op: "SCMP_CMP_MASKED_EQ",
      }],
    })),
  ];
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: EPERM,
    architectures: ARCHITECTURES[arch],
    syscalls,
  };
}

/**
 * Allows new processes and threads, but no namespaces. clone3(2) passes its
 * flags behind a pointer; after ENOSYS a libc uses clone(2).
 */
function plainClone(): SeccompRule[] {
  return [
    allow("clone", [{
      index: 0,
      value: CLONE_NAMESPACES,
      valueTwo: 0,
      op: "SCMP_CMP_MASKED_EQ",
    }]),
    { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS },
  ];
}

/**
 * One rule per family: other runtimes would treat two bounds on one argument as
 * alternatives.
 */
function sockets(is32Bit: boolean): SeccompRule[] {
  const make = "socket socketpair";
  const rules: SeccompRule[] = [
    // The first rule: otherwise libseccomp allows socketcall(2) what socket(2)
    // may do.
    is32Bit
      ? allow("socketcall")
      : { names: ["socketcall"], action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS },
    allow(make, [{
      index: 0,
      value: SOCKET_FAMILIES_BELOW,
      op: "SCMP_CMP_LT",
    }]),
  ];
  for (const [first, last] of SOCKET_FAMILIES) {
    for (let value = first as number; value <= last; value++) {
      rules.push(allow(make, [{ index: 0, value, op: "SCMP_CMP_EQ" }]));
    }
  }
  return rules;
}

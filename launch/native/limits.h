/*
 * The part of launch/native/entry.c that checks the caller's limits before
 * Deno's runtime starts: with too little of something, the runtime would end in
 * a crash that names neither the limit nor the cure. Commands that the native
 * code finishes by itself need less, so most checks are made only before the
 * runtime starts.
 */

enum {
  SYS_PRLIMIT = /* prlimit64(2) */
#if defined(__x86_64__)
  302,
#else
  261,
#endif
  RLIMIT_FSIZE = 1, RLIMIT_DATA = 2, RLIMIT_STACK = 3, RLIMIT_NPROC = 6, RLIMIT_NOFILE = 7, RLIMIT_AS = 9,
  WAIT_ALL = 0x40000000,
  KIB = 1 << 10, MIB = 1 << 20,
  /* Below these limits, new processes are tried out. */
  FEW_PROCESSES = 1024,
  /* Threads of the runtime, a walker, a keeper and PID 1. */
  NEEDED_PROCESSES = 12,
};

/* A limit of setrlimit(2), in the unit of ulimit. No pointers: they would need
 * relocation. */
struct need {
  u32 resource, unit;
  u64 least;
  char what[32], flag[3], suffix[5], enough[10];
};

/* Measured, and rounded up. V8 reserves 32 GiB of addresses for its heap. */
static const struct need OF_RUNTIME[] = {
  {RLIMIT_AS, KIB, 33UL * KIB * MIB, "address space", "-v", " KiB", "unlimited"},
  {RLIMIT_DATA, KIB, 1UL * KIB * MIB, "the size of data", "-d", " KiB", "unlimited"},
  {RLIMIT_STACK, KIB, 256 * KIB, "the stack", "-s", " KiB", "8192"},
  {RLIMIT_NOFILE, 1, 20, "open files", "-n", "", "1024"},
};

static const struct need OF_NATIVE_CODE[] = {
  {RLIMIT_STACK, KIB, 64 * KIB, "the stack", "-s", " KiB", "8192"},
  /* Plans are written to memory files, which count too. */
  {RLIMIT_FSIZE, KIB, 128 * KIB, "the size of files", "-f", " KiB", "unlimited"},
};

static void complain(const char *text) {
  u64 length = 0;
  while (text[length]) length++;
  syscall6(SYS_write, 2, (u64)text, length, 0, 0, 0);
}

static void complain_of(u64 value) {
  char digits[21];
  u32 at = sizeof digits - 1;
  digits[at] = 0;
  do digits[--at] = (char)('0' + value % 10);
  while (value /= 10);
  complain(digits + at);
}

/* The soft limit; the largest number if it is unknown. */
static u64 limit_of(u64 resource) {
  u64 limit[2];
  return syscall6(SYS_PRLIMIT, 0, resource, 0, (u64)limit, 0, 0) ? ~0UL : limit[0];
}

__attribute__((noinline)) static void require(const struct need *need, u32 count) {
  for (; count--; need++) {
    u64 limit = limit_of(need->resource);
    if (limit >= need->least) continue;
    complain("container: Cannot start: the limit on ");
    complain(need->what);
    complain(" (ulimit ");
    complain(need->flag);
    complain(") is ");
    complain_of(limit / need->unit);
    complain(need->suffix);
    complain(", but at least ");
    complain_of(need->least / need->unit);
    complain(need->suffix);
    complain(" are needed. Raise it: ulimit ");
    complain(need->flag);
    complain(" ");
    complain(need->enough);
    complain(".\n");
    leave(125);
  }
}

/* The number in a small file; the largest number if there is none. */
static u64 number_in(const char *path) {
  u8 text[24];
  i64 fd = syscall6(SYS_openat, (u64)AT_FDCWD, (u64)path, O_CLOEXEC, 0, 0, 0);
  if (fd < 0) return ~0UL;
  i64 size = syscall6(SYS_read, (u64)fd, (u64)text, sizeof text - 1, 0, 0, 0);
  syscall6(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
  if (size <= 0 || *text < '0' || *text > '9') return ~0UL;
  text[size] = 0;
  const u8 *at = text;
  return number(&at);
}

/* Only an attempt tells how many more processes there may be. */
static i32 may_have_processes(void) {
  i64 pid[NEEDED_PROCESSES], patience[2] = {1, 0};
  u32 made = 0;
  for (; made < NEEDED_PROCESSES; made++) {
    pid[made] = syscall6(SYS_clone, 0, 0, 0, 0, 0, 0);
    if (pid[made] < 0) break;
    if (pid[made]) continue;
    /* Should the parent be killed meanwhile, this ends by itself. */
    syscall6(SYS_ppoll, 0, 0, (u64)patience, 0, 0, 0);
    leave(0);
  }
  i32 all = made == NEEDED_PROCESSES;
  while (made--) {
    syscall6(SYS_kill, (u64)pid[made], SIGKILL, 0, 0, 0, 0);
    syscall6(SYS_wait4, (u64)pid[made], 0, WAIT_ALL, 0, 0, 0);
  }
  return all;
}

/* What the runtime needs. Does not return if something is missing. */
static void require_for_runtime(void) {
  struct statx file;
  require(OF_RUNTIME, sizeof OF_RUNTIME / sizeof *OF_RUNTIME);
  if (syscall6(SYS_statx, (u64)AT_FDCWD, (u64) "/proc/self/exe", AT_SYMLINK_NOFOLLOW, 1, (u64)&file, 0)) {
    complain("container: Cannot start: /proc is not mounted, or shows another PID namespace. Mount it: mount -t proc proc /proc.\n");
    leave(125);
  }
  /* A container has its limit there. */
  i32 few = limit_of(RLIMIT_NPROC) < FEW_PROCESSES || number_in("/sys/fs/cgroup/pids.max") < FEW_PROCESSES ||
            number_in("/sys/fs/cgroup/pids/pids.max") < FEW_PROCESSES;
  if (!few || may_have_processes()) return;
  complain("container: Cannot start: fewer than ");
  complain_of(NEEDED_PROCESSES);
  complain(" more processes are allowed. Raise the limit on processes: ulimit -u, or pids.max of the cgroup.\n");
  leave(125);
}

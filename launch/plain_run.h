/*
 * The part of launch/shortcut.c for the plainest `run`: with --no-init and
 * --quiet, a root filesystem and a command, and nothing else. All that its plan
 * can depend on is known before: so it is compiled when the program is built
 * (launch/plain_run.ts), and what is left of the parent is done here. The walker
 * carries the plan out, as for any other run; no runtime starts.
 *
 * It decides nothing either. Where anything differs from what the plan was
 * compiled for (a terminal, rights, cgroups, what is in the root filesystem), or
 * a step fails, the runtime starts and does the whole of it, messages and all.
 */

/* As launch/plain_run.ts writes it. In `bytes`, one behind the other: an image,
 * the walker's executable, and texts, each with a NUL. */
struct plain {
  u64 size, image, walker, bounding;
  u8 bytes[];
};

/* The same numbers in launch/plain_run.ts and launch/handed.ts. */
enum {
  PLAIN_ROOT = 0, PLAIN_ARGV, PLAIN_NULLS, PLAIN_ANY_NULL = PLAIN_NULLS + 3, PLAIN_PID,
  PLAIN_CANDIDATES, TO_WALK = 7,
  NEEDED = 1 << 7 | 1 << 21 | 1 << 27, /* CAP_SETUID, CAP_SYS_ADMIN, CAP_MKNOD */
  NULL_MAJOR = 1, NULL_MINOR = 3, S_IFCHR = 0020000, O_PATH = 010000000,
  MOST_TEXTS = 64 << 10, GRACE = 1, WNOHANG = 1, WUNTRACED = 2,
};
/* The user namespace that is nobody's, include/linux/proc_ns.h. */
#define INITIAL_USER_NAMESPACE 0xeffffffdUL

struct plain_request {
  const u8 *root;
  const u8 **command;
  u32 count;
};

/* Where a text ends and the next begins. */
static const u8 *next(const u8 *text) {
  while (*text) text++;
  return text + 1;
}

static i32 understand_plain(const u8 **word, struct plain_request *request) {
  i32 is_direct = 0, is_quiet = 0;
  request->root = (const u8 *)"./fs";
  for (; *word && **word == '-'; word++) {
    const u8 *value = after(*word, "--rootfs=");
    if (equal(*word, "--")) {
      word++;
      break;
    } else if (equal(*word, "--no-init")) is_direct = 1;
    else if (equal(*word, "-q") || equal(*word, "--quiet")) is_quiet = 1;
    else if (value) request->root = value;
    else if (!equal(*word, "--rootfs") || !(request->root = *++word)) return 0;
  }
  request->command = word;
  while (*word) word++;
  request->count = (u32)(word - request->command);
  return is_direct && is_quiet && request->count && **request->command &&
         *request->root && *request->root != '-' && !equal(request->root, "empty");
}

/* Root of the machine, with all that a plan counts on. capabilities(7) */
static i32 has_rights(u64 bounding) {
  struct { u32 version; i32 pid; } header = {0x20080522, 0};
  struct { u32 effective, permitted, inheritable; } sets[2];
  struct statx space;
  if (syscall6(SYS_geteuid, 0, 0, 0, 0, 0, 0) || syscall6(SYS_getuid, 0, 0, 0, 0, 0, 0) ||
      syscall6(SYS_capget, (u64)&header, (u64)sets, 0, 0, 0, 0) ||
      ~sets[0].effective & (u32)NEEDED ||
      syscall6(SYS_statx, (u64)AT_FDCWD, (u64) "/proc/self/ns/user", 0, STATX_BASIC, (u64)&space, 0) ||
      space.ino != INITIAL_USER_NAMESPACE)
    return 0;
  for (u32 capability = 0; capability < 64; capability++)
    if (bounding >> capability & 1 &&
        syscall6(SYS_prctl, 23 /* PR_CAPBSET_READ */, capability, 0, 0, 0, 0) != 1)
      return 0;
  return 1;
}

/* No terminal among the standard streams. Those that are the null device, its
 * numbers known: through the host's, root inside could change its mode. */
static i32 look_at_streams(i64 *nulls) {
  for (u32 fd = 0; fd < 3; fd++) {
    struct statx file;
    u8 settings[64];
    if (syscall6(SYS_statx, fd, (u64) "", AT_EMPTY_PATH, STATX_BASIC, (u64)&file, 0)) return 0;
    if (!syscall6(SYS_ioctl, fd, TCGETS, (u64)settings, 0, 0, 0)) return 0;
    nulls[fd] = (file.mode & S_IFMT) == S_IFCHR && file.rdev_major == NULL_MAJOR &&
                file.rdev_minor == NULL_MINOR;
  }
  return 1;
}

/* Whether /proc/self/cgroup names these hierarchies of v1, a line each, or none. */
static i32 has_hierarchies(const u8 *names) {
  u8 text[8192];
  i64 fd = syscall6(SYS_openat, (u64)AT_FDCWD, (u64) "/proc/self/cgroup", O_CLOEXEC, 0, 0, 0);
  if (fd < 0) return 0;
  i64 size = syscall6(SYS_read, (u64)fd, (u64)text, sizeof text - 1, 0, 0, 0);
  syscall6(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
  if (size <= 0 || size == sizeof text - 1) return 0;
  text[size] = 0;
  for (const u8 *at = text; *at; at++) {
    while (*at && *at != ':') at++;
    if (!*at++) return 0;
    /* The one of v2 has no name, and is not mounted beside others. */
    if (*at != ':') {
      while (*at && *at != ':')
        if (*at++ != *names++) return 0;
      if (*names++ != '\n') return 0;
    }
    while (*at && *at != '\n') at++;
    if (!*at) break;
  }
  return !*names;
}

/* What commands that were killed have left is for the runtime to sweep. */
static i32 is_swept(void) {
  u8 entries[1024];
  i64 fd = syscall6(SYS_openat, (u64)AT_FDCWD, (u64) "/run/container/cgroups", O_CLOEXEC, 0, 0, 0);
  if (fd < 0) return fd == -ENOENT;
  i64 size = syscall6(SYS_getdents64, (u64)fd, (u64)entries, sizeof entries, 0, 0, 0);
  syscall6(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
  /* "." and "..", each with 19 bytes before its name, in steps of 8. */
  return size >= 0 && size <= 48;
}

/* Whether a root filesystem has a place for each mount, so that none is made:
 * "d/proc" is a directory, "f/etc/hosts" a file. Nothing leads out of it. */
static i32 has_places(const u8 *root, const u8 *places) {
  struct statx file, host;
  struct { u64 flags, mode, resolve; } how = {O_PATH | O_CLOEXEC, 0, 16 | 2};
  i64 fd = syscall6(SYS_openat, (u64)AT_FDCWD, (u64)root, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0, 0);
  if (fd < 0) return 0;
  /* The host's own tree is another kind of root filesystem. */
  i32 is_fit = !syscall6(SYS_statx, (u64)fd, (u64) "", AT_EMPTY_PATH, STATX_BASIC, (u64)&file, 0) &&
               !syscall6(SYS_statx, (u64)AT_FDCWD, (u64) "/", 0, STATX_BASIC, (u64)&host, 0) &&
               (file.ino != host.ino || file.dev_major != host.dev_major || file.dev_minor != host.dev_minor);
  for (; is_fit && *places; places = next(places)) {
    i64 place = syscall6(SYS_openat2, (u64)fd, (u64)(places + 1), (u64)&how, sizeof how, 0, 0);
    is_fit = place >= 0 &&
             !syscall6(SYS_statx, (u64)place, (u64) "", AT_EMPTY_PATH, STATX_BASIC, (u64)&file, 0) &&
             (file.mode & S_IFMT) == (*places == 'd' ? S_IFDIR : S_IFREG);
    if (place >= 0) syscall6(SYS_close, (u64)place, 0, 0, 0, 0, 0);
  }
  syscall6(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
  return is_fit;
}

/* Behind the image: what the walker finds by its address. */
static u8 *put(u8 *to, const u8 *text) {
  do *to++ = *text;
  while (*text++);
  return to;
}

static void fill_plain(const struct plain_request *request, const u8 *directories, u64 at) {
  const u8 *name = *request->command;
  i64 *argv = (i64 *)at;
  u8 *to = (u8 *)(argv + request->count + 1);
  i32 is_path = 0;
  for (const u8 *c = name; *c; c++) is_path |= *c == '/';
  for (u32 i = 0; i < request->count; i++) {
    argv[i] = (i64)to;
    to = put(to, request->command[i]);
  }
  plan->slot[PLAIN_ARGV] = (i64)argv;
  plan->slot[PLAIN_ROOT] = (i64)to;
  to = put(to, request->root);
  for (u32 i = 0; *directories; i++, directories = next(directories)) {
    plan->slot[PLAIN_CANDIDATES + i] = (i64)to;
    if (!is_path) {
      to = put(to, directories);
      to[-1] = '/';
    }
    to = put(to, name);
  }
}

/* The room that fill_plain() needs; 0 where that is too much. */
static u64 room_for(const struct plain_request *request, const u8 *directories) {
  u64 size = 8 * (request->count + 1) + (u64)(next(request->root) - request->root);
  u64 name = (u64)(next(*request->command) - *request->command);
  for (u32 i = 0; i < request->count; i++)
    size += (u64)(next(request->command[i]) - request->command[i]);
  for (; *directories; directories = next(directories))
    size += (u64)(next(directories) - directories) + name;
  return size > MOST_TEXTS ? 0 : size;
}

/* launch/prelaunch.h's descriptors are out of the way of these. In a process of
 * its own; it becomes the walker. */
static void become_walker(const i64 *walker, i64 memory, i64 held, u64 signals) {
  static const char name[] = "walker", number[] = {'0' + TO_WALK, 0};
  /* By assignment: what is compiled with addresses in it would be relocated. */
  const char *argv[3], *none[1];
  argv[0] = name, argv[1] = number, argv[2] = none[0] = 0;
  syscall6(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, (u64)&signals, 0, 8, 0, 0);
  if (syscall6(SYS_dup3, (u64)memory, TO_WALK, 0, 0, 0, 0) >= 0 &&
      syscall6(SYS_dup3, (u64)held, TO_LIFELINE, 0, 0, 0, 0) >= 0)
    syscall6(SYS_execveat, (u64)*walker, (u64) "", (u64)argv, (u64)none, AT_EMPTY_PATH, 0);
  leave(125);
}

/* A file in memory that nobody can change any more. */
static i64 sealed_walker(const u8 *code, u64 size) {
  u64 flags = 3; /* MFD_CLOEXEC|MFD_ALLOW_SEALING; MFD_EXEC came with Linux 6.3 */
  i64 fd = syscall6(SYS_memfd_create, (u64) "walker", flags | 0x10, 0, 0, 0, 0);
  if (fd == -22 /* EINVAL */) fd = syscall6(SYS_memfd_create, (u64) "walker", flags, 0, 0, 0, 0);
  fd = move_up(fd);
  if (fd >= 0 && syscall6(SYS_write, (u64)fd, (u64)code, size, 0, 0, 0) == (i64)size &&
      /* F_ADD_SEALS, all of SEAL, SHRINK, GROW and FUTURE_WRITE */
      !syscall6(SYS_fcntl, (u64)fd, 1033, 0x17, 0, 0, 0))
    return fd;
  if (fd >= 0) syscall6(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
  return -1;
}

#define BIT(signal) (1UL << ((signal) - 1))

/* FORWARDED of plan/child.ts, the first four ENDING of launch/early_end.ts. */
static const u8 forwarded[] = {2, 15, 1, 3, 10, 12, 28, 18, 20};
enum { ENDING = 4, SIGCONT = 18, SIGSTOP = 19, SIGTSTP = 20, EAGAIN = 11 };

static u64 mask_of(u32 count) {
  u64 mask = 0;
  for (u32 i = 0; i < count; i++) mask |= BIT(forwarded[i]);
  return mask;
}

/* Those of a set that have no other handling than the kernel's; what the caller
 * ignores (nohup) or blocks stays so. */
static u64 without_ignored(u64 set) {
  for (u32 signal = 1; signal <= 64; signal++) {
    u64 action[4] = {0};
    if (set & BIT(signal) && (syscall6(SYS_rt_sigaction, signal, 0, (u64)action, 8, 0, 0) || action[0]))
      set &= ~BIT(signal);
  }
  return set;
}

/* Its command line is the walker's until its execve. */
static i32 is_running(u64 pid) {
  u8 path[32], text[16];
  process_file(path, pid, "/cmdline");
  i64 fd = syscall6(SYS_openat, (u64)AT_FDCWD, (u64)path, O_CLOEXEC, 0, 0, 0);
  if (fd < 0) return 1;
  i64 size = syscall6(SYS_read, (u64)fd, (u64)text, sizeof text, 0, 0, 0);
  syscall6(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
  return size != 9 || !after(text, "walker") || text[7] != '0' + TO_WALK;
}

/* The file system that keeps it may never answer: it dies when that does, and
 * is not waited for longer than this. */
static void end_early(u64 pid, u64 signal, const u8 *messages) {
  u64 set = BIT(SIGCHLD);
  i64 time[2] = {GRACE, 0};
  syscall6(SYS_kill, pid, KILL, 0, 0, 0, 0);
  syscall6(SYS_rt_sigtimedwait, (u64)&set, 0, (u64)time, 8, 0, 0);
  for (u32 i = 0; forwarded[i] != signal; i++) messages = next(messages);
  syscall6(SYS_write, 2, (u64)messages, (u64)(next(messages) - messages - 1), 0, 0, 0);
  leave(128 + signal);
}

/* Passes signals on until the command has ended: what wait4(2) says of it. */
static i32 attend(u64 pid, u64 taken, const u8 *messages) {
  i64 ending = 0, time[2] = {GRACE, 0};
  i32 status = 0, stops = 0;
  for (;;) {
    i64 signal = syscall6(SYS_rt_sigtimedwait, (u64)&taken, 0, ending ? (u64)time : 0, 8, 0, 0);
    if (signal == -EAGAIN) {
      if (!is_running(pid)) end_early(pid, (u64)ending, messages);
      ending = 0;
    } else if (signal == SIGCHLD) {
      i64 found = syscall6(SYS_wait4, pid, (u64)&status, WNOHANG | WUNTRACED, 0, 0, 0);
      if (!found) continue;
      if (found < 0 || (status & 0xff) != 0x7f) return status;
      if (!stops) continue;
      /* Who told us to stop has stopped the command; who continues us, both. */
      syscall6(SYS_kill, (u64)syscall6(SYS_getpid, 0, 0, 0, 0, 0, 0), SIGSTOP, 0, 0, 0, 0);
      if (!(taken & BIT(SIGCONT))) syscall6(SYS_kill, pid, SIGCONT, 0, 0, 0, 0);
    } else if (signal > 0) {
      stops |= signal == SIGTSTP;
      syscall6(SYS_kill, pid, (u64)signal, 0, 0, 0, 0);
      if (BIT(signal) & mask_of(ENDING) && !ending && !is_running(pid)) ending = signal;
    }
  }
}

/* Leaves where the command has run. */
static void carry_out_plain(const struct plain *plain, const struct plain_request *request,
                            const i64 *nulls, const u8 *directories, const u8 *messages) {
  u64 room = room_for(request, directories), image = (plain->image + 7) & ~7UL;
  u64 taken = 0, before = 0;
  i32 ends[2] = {-1, -1}, status = -1;
  if (!room) return;
  i64 memory = move_up(syscall6(SYS_memfd_create, (u64) "plan", 3, 0, 0, 0, 0));
  i64 walker = sealed_walker(plain->bytes + plain->image, plain->walker);
  syscall6(SYS_pipe2, (u64)ends, O_CLOEXEC, 0, 0, 0, 0);
  i64 held = move_up(ends[0]), lifeline = move_up(ends[1]);
  if (memory >= 0 && walker >= 0 && held >= 0 && lifeline >= 0 &&
      syscall6(SYS_write, (u64)memory, (u64)plain->bytes, plain->image, 0, 0, 0) == (i64)plain->image &&
      !syscall6(SYS_ftruncate, (u64)memory, image + room, 0, 0, 0, 0) &&
      !syscall6(SYS_fcntl, (u64)memory, 1033, 6 /* F_SEAL_SHRINK|F_SEAL_GROW */, 0, 0, 0) &&
      syscall6(SYS_mmap, BASE, image + room, 3, 0x100001, (u64)memory, 0) == (i64)BASE) {
    fill_plain(request, directories, BASE + image);
    for (u32 i = 0; i < 3; i++) {
      plan->slot[PLAIN_NULLS + i] = nulls[i];
      plan->slot[PLAIN_ANY_NULL] |= nulls[i];
    }
    syscall6(SYS_rt_sigprocmask, 0, 0, (u64)&before, 8, 0, 0);
    taken = without_ignored(mask_of(sizeof forwarded) & ~before) | BIT(SIGCHLD);
    syscall6(SYS_rt_sigprocmask, 0 /* SIG_BLOCK */, (u64)&taken, 0, 8, 0, 0);
    i64 child = syscall6(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
    if (!child) become_walker(&walker, memory, held, before);
    syscall6(SYS_close, (u64)held, 0, 0, 0, 0, 0);
    held = -1;
    if (child > 0) syscall6(SYS_wait4, (u64)child, (u64)&status, 0, 0, 0, 0);
    /* Without its number it would be left running. */
    if (!status) {
      syscall6(SYS_write, (u64)lifeline, (u64) "", 1, 0, 0, 0);
      status = attend((u64)plan->slot[PLAIN_PID], taken, messages);
      if (plan->state == WALKING)
        leave(status & 0x7f ? 128 + ((u64)status & 0x7f) : (u64)status >> 8 & 0xff);
    }
    syscall6(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, (u64)&before, 0, 8, 0, 0);
    syscall6(SYS_munmap, BASE, image + room, 0, 0, 0, 0);
  }
  const i64 all[] = {memory, walker, held, lifeline};
  for (u32 i = 0; i < sizeof all / sizeof *all; i++)
    if (all[i] >= 0) syscall6(SYS_close, (u64)all[i], 0, 0, 0, 0, 0);
}

static void run_plain(const i64 *stack) {
  const struct launch *launch = launch_of_run();
  struct plain_request request;
  i64 nulls[3];
  if ((const u8 *)launch == _start ||
      !understand_plain((const u8 **)&stack[3], &request) || !look_at_streams(nulls) ||
      /* The kernel would reap what we wait for. */
      !without_ignored(BIT(SIGCHLD)))
    return;
  /* Behind the two of prelaunch.h: one for each kind of machine. */
  const u8 *at = (const u8 *)launch;
  for (u32 i = 0; i < 2; i++) at += ((const struct launch *)at)->size;
  for (const struct plain *plain; (plain = (const struct plain *)at)->size; at += plain->size) {
    const u8 *hierarchies = plain->bytes + plain->image + plain->walker;
    const u8 *directories = next(hierarchies), *places = directories;
    while (*places) places = next(places);
    places++;
    const u8 *messages = places;
    while (*messages) messages = next(messages);
    if (!has_hierarchies(hierarchies)) continue;
    if (has_rights(plain->bounding) && is_swept() && has_places(request.root, places))
      carry_out_plain(plain, &request, nulls, directories, messages + 1);
    return;
  }
}

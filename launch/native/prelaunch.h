/*
 * The part of launch/native/entry.c for `run`, which starts two runtimes, the
 * second one inside the container. Most command lines lead to the same launch.
 * That launch is compiled when the executable is built (launch/prelaunch.ts)
 * and carried out here, before our runtime starts, so both runtimes start at
 * the same time. Our runtime takes over the launched process if its own plan
 * says the same, and kills it otherwise (launch/prelaunched.ts).
 */

/* Written by launch/prelaunch.ts: a compiled plan, a text, flags. After `size`
 * bytes follows the launch of a run that gets a terminal of its own. */
struct launch {
  u64 size, bytecode, text;
  u8 bytes[];
};
const struct launch *launch_of_run(void);
/* Found by its distance: nothing here is relocated. */
extern const u8 _start[] __attribute__((visibility("hidden")));

/* The same numbers in launch/lower/descriptors.ts, ffi/fcntl.ts and
 * launch/prelaunch.ts. */
enum {
  TO_PLAN = 3, TO_STATUS = 4, TO_SELF = 5, TO_LIFELINE = 6, HIGH = 44,
  SLOT_ARGV = 0, SLOT_ENV, SLOT_WORDS, SLOT_MEMORY, SLOT_HANDOVER, SLOT_LIFELINE, SLOT_STATUS,
  SLOT_WALKER,
  OURS_ALONE = 5, ALL = 7, MOST_WORDS = 500, SIGCHLD = 17,
  TCGETS = 0x5401, TIOCGPGRP = 0x540f, S_IFDIR = 0040000, S_IFBLK = 0060000,
};

/* Like isInteractive() of containers/decide/terminal.ts. */
static i32 is_interactive(void) {
  i32 group = 0;
  u8 settings[64];
  return !syscall6(SYS_ioctl, 0, TIOCGPGRP, (u64)&group, 0, 0, 0) &&
         group == syscall6(SYS_getpgid, 0, 0, 0, 0, 0, 0) &&
         !syscall6(SYS_ioctl, 1, TCGETS, (u64)settings, 0, 0, 0);
}

/* A disk image as root filesystem is mounted before the launch, and its mount
 * is handed over with it. */
static i32 is_directory(const u8 *path) {
  struct statx file;
  return !syscall6(SYS_statx, (u64)AT_FDCWD, (u64)path, 0, STATX_BASIC, (u64)&file, 0) &&
         (file.mode & S_IFMT) == S_IFDIR;
}

/* A standard stream that is a file of the host is replaced by a pipe. */
static i32 has_files(void) {
  for (u32 fd = 0; fd < 3; fd++) {
    struct statx file;
    if (syscall6(SYS_statx, fd, (u64) "", AT_EMPTY_PATH, STATX_BASIC, (u64)&file, 0)) return 1;
    u32 type = file.mode & S_IFMT;
    if (type == S_IFREG || type == S_IFBLK || type == S_IFDIR) return 1;
  }
  return 0;
}

/* Finds a flag that does not change the launch. Each flag in the list has a
 * mark before it, + if a value follows, and a NUL after it; a second NUL ends
 * the list. */
static const u8 *find_flag(const u8 *flags, const u8 *word) {
  for (; *flags; flags++) {
    const u8 *rest = word, *name = flags + 1;
    while (*name && *name == *rest) name++, rest++;
    if (!*name && (!*rest || (*rest == '=' && *flags == '+' && word[1] == '-'))) return flags;
    while (*flags) flags++;
  }
  return 0;
}

/* Finds the command, whose words go to the child. Returns 0 if there is an
 * unknown flag or no command. */
static const u8 **find_command(const u8 **word, const u8 *flags) {
  for (; *word && **word == '-'; word++) {
    if (equal(*word, "--")) {
      word++;
      break;
    }
    const u8 *flag = find_flag(flags, *word);
    if (!flag) return 0;
    const u8 *value = *word;
    while (*value && *value != '=') value++;
    if (*flag != '+') continue;
    if (*value) value++;
    else if (!(value = *++word)) return 0;
    if (equal(flag + 1, "--rootfs") && !is_directory(value)) return 0;
  }
  return *word ? word : 0;
}

/* Moves a descriptor above the numbers that a new process receives;
 * close-on-exec. */
static i64 move_up(i64 fd) {
  if (fd < 0) return fd;
  i64 moved = syscall6(SYS_fcntl, (u64)fd, 1030 /* F_DUPFD_CLOEXEC */, HIGH, 0, 0, 0);
  syscall6(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
  return moved;
}

/* The child's arguments: its own words, then the command's. */
static i32 write_argv(const u8 **argv, const u8 **command) {
  u32 count = 0;
  argv[count++] = (const u8 *)"/proc/self/exe";
  argv[count++] = (const u8 *)"child";
  while (*command) {
    if (count >= MOST_WORDS) return 0;
    argv[count++] = *command++;
  }
  argv[count] = 0;
  return (i32)count - 2;
}

/* The environment variables that our runtime needs, by name: SELF_ENV of
 * containers/decide/facts.ts, in its order. */
static void write_env(const u8 **env, const u8 **ours) {
  static const char names[][20] = {"DENO_DIR=", "HOME=", "LD_LIBRARY_PATH=", "NO_COLOR=", "XDG_CACHE_HOME="};
  u32 count = 0;
  for (u32 name = 0; name < sizeof names / sizeof *names; name++)
    for (const u8 **word = ours; *word; word++)
      if (after(*word, names[name])) {
        env[count++] = *word;
        break;
      }
  env[count] = 0;
}

/* Runs in a new process, which clones PID 1 as a child of ours. No execve comes
 * before that clone, so the parent's own descriptors are closed here. If PID 1
 * held an end of the lifeline, it would wait for a parent that is dead. */
static void walk_launch(const i64 *given) {
  for (i32 i = 0; i < 4; i++)
    if (syscall6(SYS_dup3, (u64)given[i], (u64)(TO_PLAN + i), 0, 0, 0, 0) < 0) leave(125);
  for (i32 i = OURS_ALONE; i < ALL; i++) syscall6(SYS_close, (u64)given[i], 0, 0, 0, 0, 0);
  *is_walker() = 1;
  carry_out();
}

/* Launches the child's runtime. Returns whether it is starting. */
static i32 prelaunch(const struct launch *launch, const u8 **command, const u8 **environ) {
  const u8 *argv[MOST_WORDS + 1], *env[8];
  i32 words = write_argv(argv, command);
  if (!words) return 0;
  write_env(env, environ);
  i32 ends[2] = {-1, -1}, sockets[2] = {-1, -1}, status = -1;
  u64 size = launch->bytecode + launch->text;
  i64 memory = move_up(syscall6(SYS_memfd_create, (u64) "plan", 1 /* MFD_CLOEXEC */, 0, 0, 0, 0));
  i64 handover = move_up(syscall6(SYS_memfd_create, (u64) "handover", 3 /* and MFD_ALLOW_SEALING */, 0, 0, 0, 0));
  i64 self = move_up(syscall6(SYS_openat, (u64)AT_FDCWD, (u64) "/proc/self/exe", 010000000 /* O_PATH */ | O_CLOEXEC, 0, 0, 0));
  syscall6(SYS_pipe2, (u64)ends, O_CLOEXEC, 0, 0, 0, 0);
  i64 held = move_up(ends[0]), lifeline = move_up(ends[1]);
  syscall6(SYS_socketpair, 1 /* AF_UNIX */, 5 /* SOCK_SEQPACKET */ | O_CLOEXEC, 0, (u64)sockets, 0, 0);
  i64 ours = move_up(sockets[0]), theirs = move_up(sockets[1]);
  const i64 all[ALL] = {handover, theirs, self, held, memory, lifeline, ours};
  i32 is_whole = syscall6(SYS_write, (u64)memory, (u64)launch->bytes, size, 0, 0, 0) == (i64)size;
  for (u32 i = 0; i < ALL; i++) is_whole &= all[i] >= 0;
  /* PROT_READ|PROT_WRITE, MAP_SHARED|MAP_FIXED_NOREPLACE */
  if (is_whole && syscall6(SYS_mmap, BASE, size, 3, 0x100001, (u64)memory, 0) == (i64)BASE) {
    plan->slot[SLOT_ARGV] = (i64)argv;
    plan->slot[SLOT_ENV] = (i64)env;
    plan->slot[SLOT_WORDS] = words;
    plan->slot[SLOT_MEMORY] = memory;
    plan->slot[SLOT_HANDOVER] = handover;
    plan->slot[SLOT_LIFELINE] = lifeline;
    plan->slot[SLOT_STATUS] = ours;
    i64 walker = syscall6(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
    if (!walker) walk_launch(all);
    plan->slot[SLOT_WALKER] = walker;
    if (walker > 0) syscall6(SYS_wait4, (u64)walker, (u64)&status, 0, 0, 0, 0);
    if (status) syscall6(SYS_munmap, BASE, size, 0, 0, 0, 0);
    /* PID 1 waits only for us: its runtime may start. */
    else syscall6(SYS_write, (u64)lifeline, (u64) "", 1, 0, 0, 0);
  }
  for (u32 i = status ? 0 : 1; i < (status ? ALL : 4); i++)
    if (all[i] >= 0) syscall6(SYS_close, (u64)all[i], 0, 0, 0, 0, 0);
  return !status;
}

static void prelaunch_run(const i64 *stack) {
  const struct launch *launch = launch_of_run();
  if ((const u8 *)launch == _start || syscall6(SYS_geteuid, 0, 0, 0, 0, 0, 0) || has_files()) return;
  if (is_interactive()) launch = (const struct launch *)((const u8 *)launch + launch->size);
  const u8 **words = (const u8 **)&stack[2];
  const u8 **command = find_command(words + 1, launch->bytes + launch->bytecode + launch->text);
  if (command) prelaunch(launch, command, words + stack[0]);
}

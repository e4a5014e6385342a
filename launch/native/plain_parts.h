/*
 * Shared by the parent of a plain run (launch/native/plain_run.h) and its PID 1
 * (launch/native/plain_child.h): starting a walker, and signals.
 */

enum { TO_WALK = 7, WNOHANG = 1, WUNTRACED = 2, MSG_DONTWAIT = 0x40, MSG_NOSIGNAL = 0x4000 };

/* Makes a memory file that nobody can change. */
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

/* Runs in a new process. Both descriptors have numbers above TO_WALK. */
static void become_walker(i64 walker, i64 memory) {
  static const char name[] = "walker", number[] = {'0' + TO_WALK, 0};
  /* Assigned at run time: initialised pointers would need relocation. */
  const char *argv[3], *none[1];
  argv[0] = name, argv[1] = number, argv[2] = none[0] = 0;
  if (syscall6(SYS_dup3, (u64)memory, TO_WALK, 0, 0, 0, 0) >= 0)
    syscall6(SYS_execveat, (u64)walker, (u64) "", (u64)argv, (u64)none, AT_EMPTY_PATH, 0);
  leave(125);
}

static u64 own_pid(void) { return (u64)syscall6(SYS_getpid, 0, 0, 0, 0, 0, 0); }

static u64 exit_code(i32 status) {
  return status & 0x7f ? 128 + ((u64)status & 0x7f) : (u64)status >> 8 & 0xff;
}

#define BIT(signal) (1UL << ((signal) - 1))

/* FORWARDED of plan/child.ts; the first four are ENDING of
 * launch/attend/early_end.ts. */
static const u8 forwarded[] = {2, 15, 1, 3, 10, 12, 28, 18, 20};
enum {
  ENDING = 4, SIGPIPE = 13, SIGCONT = 18, SIGSTOP = 19, SIGTSTP = 20, SIGTTIN = 21, SIGTTOU = 22, SIGIO = 29,
  EAGAIN = 11,
};

static u64 mask_of(u32 count) {
  u64 mask = 0;
  for (u32 i = 0; i < count; i++) mask |= BIT(forwarded[i]);
  return mask;
}

/* Returns the signals of a set that have their default action. A signal that
 * the caller ignores (nohup) stays ignored. */
static u64 without_ignored(u64 set) {
  for (u32 signal = 1; signal <= 64; signal++) {
    u64 action[4] = {0};
    if (set & BIT(signal) && (syscall6(SYS_rt_sigaction, signal, 0, (u64)action, 8, 0, 0) || action[0]))
      set &= ~BIT(signal);
  }
  return set;
}


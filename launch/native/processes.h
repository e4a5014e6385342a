/*
 * Shared by the parent of a plain run (launch/native/plain_run.h) and PID 1
 * (launch/native/pid_one.h): starting a walker, descriptors, and signals.
 */

/* Moves a descriptor above the numbers that a new process receives;
 * close-on-exec. Returns a negative error on failure. */
static i64 move_up(i64 fd) {
  if (fd < 0) return fd;
  i64 moved = syscall6(SYS_fcntl, (u64)fd, F_DUPFD_CLOEXEC, HIGH, 0, 0, 0);
  syscall6(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
  /* The limit on open files is below that number. */
  return moved == -EINVAL ? -EMFILE : moved;
}

/* Makes a memory file that nobody can change. Returns a negative error on
 * failure. */
static i64 sealed_walker(const u8 *code, u64 size) {
  /* MFD_EXEC came with Linux 6.3. */
  u64 flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  i64 fd = syscall6(SYS_memfd_create, (u64)WALKER_NAME, flags | MFD_EXEC, 0, 0, 0, 0);
  if (fd == -EINVAL) fd = syscall6(SYS_memfd_create, (u64)WALKER_NAME, flags, 0, 0, 0, 0);
  if ((fd = move_up(fd)) < 0) return fd;
  i64 result = syscall6(SYS_write, (u64)fd, (u64)code, size, 0, 0, 0);
  if (result == (i64)size)
    result = syscall6(SYS_fcntl, (u64)fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE, 0, 0, 0);
  else if (result >= 0) result = -ENOSPC;
  if (!result) return fd;
  syscall6(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
  return result;
}

/* Runs in a new process. Both descriptors have numbers above TO_WALK. Returns
 * only a negative error. */
static i64 become_walker(i64 walker, i64 memory) {
  static const char name[] = WALKER_NAME, number[] = {'0' + TO_WALK, 0};
  /* Assigned at run time: initialised pointers would need relocation. */
  const char *argv[3], *none[1];
  argv[0] = name, argv[1] = number, argv[2] = none[0] = 0;
  i64 result = syscall6(SYS_dup3, (u64)memory, TO_WALK, 0, 0, 0, 0);
  return result < 0 ? result : syscall6(SYS_execveat, (u64)walker, (u64) "", (u64)argv, (u64)none, AT_EMPTY_PATH, 0);
}

static u64 own_pid(void) { return (u64)syscall6(SYS_getpid, 0, 0, 0, 0, 0, 0); }

static u64 exit_code(i32 status) {
  return status & 0x7f ? 128 + ((u64)status & 0x7f) : (u64)status >> 8 & 0xff;
}

#define BIT(signal) (1UL << ((signal) - 1))

/* Returns the signals of a set that have their default action. A signal that
 * the caller ignores (nohup) stays ignored. */
static u64 without_ignored(u64 set) {
  for (u32 signal = 1; signal <= LAST_SIGNAL; signal++) {
    u64 action[4] = {0};
    if (set & BIT(signal) && (syscall6(SYS_rt_sigaction, signal, 0, (u64)action, 8, 0, 0) || action[0]))
      set &= ~BIT(signal);
  }
  return set;
}

/*
 * PID 1 of a plain run, where that is our program: what launch/child.ts is for
 * any other, without a runtime. The container's steps and those after the
 * command are one plan, and the command's whole life is an operation in its
 * middle. Where a step fails, the parent has the runtime do all of it again
 * (launch/native/plain_run.h): nothing of the command has run by then. Where it has,
 * its status is told, whatever comes: the kernel unmounts all the same.
 */

/* Kept out of the way of the steps: numbers from 44 upwards. */
struct command_files {
  i64 walker, memory;
};
static struct command_files *command_files(void) { return (struct command_files *)&plan->unused[0]; }

/* Not waiting: the parent reads when it has a reason to. The first one fits. */
static void tell(u8 news) {
  syscall6(SYS_sendto, TO_STATUS, (u64)&news, 1, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
}

/* Reaps whatever has ended; whether the command is among it. */
static i32 reap(i64 command, i32 *status) {
  for (i32 found;;) {
    i64 pid = syscall6(SYS_wait4, (u64)-1, (u64)&found, WNOHANG | WUNTRACED, 0, 0, 0);
    if (pid <= 0) return 0;
    if (pid != command) continue;
    if ((found & 0xff) != 0x7f) {
      *status = found;
      return 1;
    }
    i32 by = found >> 8 & 0xff;
    tell(by == SIGTTIN || by == SIGTTOU ? NEWS_WANTS_TERMINAL : NEWS_STOPPED);
  }
}

/* Until the command has ended. What is blocked since before the program began is
 * what it takes. */
static i32 live(i64 command) {
  u64 taken = 0;
  i32 status = 0;
  syscall6(SYS_rt_sigprocmask, 0, 0, (u64)&taken, 8, 0, 0);
  for (;;) {
    i64 signal = syscall6(SYS_rt_sigtimedwait, (u64)&taken, 0, 0, 8, 0, 0);
    if (signal == SIGCHLD) {
      if (reap(command, &status)) return status;
    } else if (signal == SIGCONT) {
      /* What stopped the command stopped its group. */
      syscall6(SYS_kill, (u64)-command, SIGCONT, 0, 0, 0, 0);
    } else if (signal > 0 && BIT(signal) & mask_of(sizeof forwarded)) {
      syscall6(SYS_kill, (u64)command, (u64)signal, 0, 0, 0, 0);
    }
  }
}

/* The walker starts it; its exit code, or an error below zero. */
static i64 run_command(void) {
  struct command_files files = *command_files();
  /* Unless the walker says otherwise, the command has run. */
  u32 state = WALKING;
  i64 command = syscall6(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
  if (!command) become_walker(files.walker, files.memory);
  if (command < 0) return command;
  tell(NEWS_RUNNING);
  i32 status = live(command);
  /* What it left running ends with it. From PID 1 this reaches nothing else. */
  syscall6(SYS_kill, (u64)-1, KILL, 0, 0, 0, 0);
  while (syscall6(SYS_wait4, (u64)-1, 0, 0, 0, 0, 0) > 0);
  syscall6(SYS_pread64, (u64)files.memory, (u64)&state, sizeof state,
           (u64)((const u8 *)&plan->state - (const u8 *)plan), 0, 0);
  if (state != WALKING) return -EIO;
  *is_walker() = COMMAND_RAN + exit_code(status);
  return (i64)exit_code(status);
}

/* The command's plan as a file of its own, before the root changes. */
static i64 command_memory(void) {
  u64 size = (u64)plan->slot[PLAIN_PROCESS_SIZE];
  i64 fd = move_up(syscall6(SYS_memfd_create, (u64) "plan", 3, 0, 0, 0, 0));
  if (fd >= 0 &&
      (syscall6(SYS_write, (u64)fd, (u64)plan->slot[PLAIN_PROCESS], size, 0, 0, 0) != (i64)size ||
       syscall6(SYS_fcntl, (u64)fd, 1033, 6 /* F_SEAL_SHRINK|F_SEAL_GROW */, 0, 0, 0)))
    return -EIO;
  return fd;
}

/* Returns where the runtime is to be the child: what that is handed comes later. */
static void be_plain_child(void) {
  const struct plain *plain = first_plain();
  struct statx file;
  u8 told;
  if (!plain || own_pid() != 1 ||
      syscall6(SYS_statx, TO_PLAN, (u64) "", AT_EMPTY_PATH, STATX_BASIC, (u64)&file, 0) ||
      (file.mode & S_IFMT) != S_IFREG || file.size < sizeof(struct plan) || file.size > LIMIT ||
      syscall6(SYS_mmap, BASE, file.size, 3, 0x100001, TO_PLAN, 0) != (i64)BASE)
    return;
  /* The runtime's, which is no plan. */
  if (!is_sound(file.size)) {
    syscall6(SYS_munmap, BASE, file.size, 0, 0, 0, 0);
    return;
  }
  *is_walker() = 1;
  if (syscall6(SYS_read, TO_LIFELINE, (u64)&told, 1, 0, 0, 0) != 1) leave(125);
  *command_files() = (struct command_files){
      sealed_walker(plain->bytes + plain->image + plain->inside + plain->process, plain->walker),
      command_memory()};
  if (command_files()->walker < 0 || command_files()->memory < 0) fail(0, EIO);
  syscall6(SYS_close_range, TO_PLAN, TO_LIFELINE, 4 /* CLOSE_RANGE_CLOEXEC */, 0, 0, 0);
  carry_out();
}

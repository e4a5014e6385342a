/*
 * PID 1 of a plain run, if our executable is PID 1. It does what
 * launch/child.ts does for every other run, without Deno's runtime. One
 * compiled plan holds the container's steps and the steps after the command;
 * one operation in its middle runs the command. If a step fails before the
 * command runs, the parent lets the runtime do everything again
 * (launch/native/plain_run.h). After the command has run, its status is
 * reported even if a step fails: the kernel unmounts anyway.
 */

/* The walker and the plan of the command. Their numbers are 44 or higher, above
 * every descriptor that the steps use. */
struct command_files {
  i64 walker, memory;
};
static struct command_files *command_files(void) { return (struct command_files *)&plan->unused[0]; }

/* Never blocks: the parent reads when it has a reason to. The first message
 * always fits. */
static void tell(u8 news) {
  syscall6(SYS_sendto, TO_STATUS, (u64)&news, 1, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
}

/* Reaps every process that has ended; returns whether the command is one of
 * them. */
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

/* Handles signals until the command has ended. A launch step has blocked the
 * signals that PID 1 takes, so the mask tells which they are. */
static i32 live(i64 command) {
  u64 taken = 0;
  i32 status = 0;
  syscall6(SYS_rt_sigprocmask, 0, 0, (u64)&taken, 8, 0, 0);
  for (;;) {
    i64 signal = syscall6(SYS_rt_sigtimedwait, (u64)&taken, 0, 0, 8, 0, 0);
    if (signal == SIGCHLD) {
      if (reap(command, &status)) return status;
    } else if (signal == SIGCONT) {
      /* The stop signal stopped the command's whole process group. */
      syscall6(SYS_kill, (u64)-command, SIGCONT, 0, 0, 0, 0);
    } else if (signal > 0 && BIT(signal) & mask_of(sizeof forwarded)) {
      syscall6(SYS_kill, (u64)command, (u64)signal, 0, 0, 0, 0);
    }
  }
}

/* Has the walker start the command. Returns its exit code, or a negative error. */
static i64 run_command(void) {
  struct command_files files = *command_files();
  /* If the walker leaves no other state, the command has run. */
  u32 state = WALKING;
  i64 command = syscall6(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
  if (!command) become_walker(files.walker, files.memory);
  if (command < 0) return command;
  tell(NEWS_RUNNING);
  i32 status = live(command);
  /* End what the command left running. PID 1's -1 reaches only this container. */
  syscall6(SYS_kill, (u64)-1, KILL, 0, 0, 0, 0);
  while (syscall6(SYS_wait4, (u64)-1, 0, 0, 0, 0, 0) > 0);
  syscall6(SYS_pread64, (u64)files.memory, (u64)&state, sizeof state,
           (u64)((const u8 *)&plan->state - (const u8 *)plan), 0, 0);
  if (state != WALKING) return -EIO;
  *is_walker() = COMMAND_RAN + exit_code(status);
  return (i64)exit_code(status);
}

/* Copies the command's plan to a file of its own, before the root changes. */
static i64 command_memory(void) {
  u64 size = (u64)plan->slot[PLAIN_PROCESS_SIZE];
  i64 fd = move_up(syscall6(SYS_memfd_create, (u64) "plan", 3, 0, 0, 0, 0));
  if (fd >= 0 &&
      (syscall6(SYS_write, (u64)fd, (u64)plan->slot[PLAIN_PROCESS], size, 0, 0, 0) != (i64)size ||
       syscall6(SYS_fcntl, (u64)fd, 1033, 6 /* F_SEAL_SHRINK|F_SEAL_GROW */, 0, 0, 0)))
    return -EIO;
  return fd;
}

/* Acts as PID 1 of a plain run. Returns if the runtime has to be the child: its
 * handover arrives later. */
static void be_plain_child(void) {
  const struct plain *plain = first_plain();
  struct statx file;
  u8 told;
  if (!plain || own_pid() != 1 ||
      syscall6(SYS_statx, TO_PLAN, (u64) "", AT_EMPTY_PATH, STATX_BASIC, (u64)&file, 0) ||
      (file.mode & S_IFMT) != S_IFREG || file.size < sizeof(struct plan) || file.size > LIMIT ||
      syscall6(SYS_mmap, BASE, file.size, 3, 0x100001, TO_PLAN, 0) != (i64)BASE)
    return;
  /* A handover for the runtime, not a compiled plan. */
  if (!is_sound(file.size)) {
    syscall6(SYS_munmap, BASE, file.size, 0, 0, 0, 0);
    return;
  }
  *is_walker() = 1;
  if (syscall6(SYS_read, TO_LIFELINE, (u64)&told, 1, 0, 0, 0) != 1) leave(125);
  *command_files() = (struct command_files){
      sealed_walker(plain->bytes + plain->bytecode + plain->inside + plain->process, plain->walker),
      command_memory()};
  if (command_files()->walker < 0 || command_files()->memory < 0) fail(0, EIO);
  syscall6(SYS_close_range, TO_PLAN, TO_LIFELINE, 4 /* CLOSE_RANGE_CLOEXEC */, 0, 0, 0);
  carry_out();
}

/*
 * PID 1 of a container, if our executable is PID 1. It does what
 * launch/child.ts does from source, with the same bytes and without Deno's
 * runtime: it carries out the container's steps, starts the command, forwards
 * signals, reaps, and carries out the steps of the cleanup.
 *
 * It prints no message. If it cannot go on, it sends the number of the step and
 * the errno to the parent, which knows the steps. It then answers the parent's
 * questions about files, which only this process sees as the command would
 * (launch/native_failure.ts), and ends.
 */

/* launch/handover_layout.ts */
struct part {
  u64 at, length;
};
struct handover {
  u32 magic, version;
  u64 size;
  u32 flags, preserve, cgroups, unused;
  struct part part[PARTS];
};
#define IS_AT(type, field, offset) \
  _Static_assert(__builtin_offsetof(type, field) == offset, "launch/handover_layout.ts has this place")
_Static_assert(sizeof(struct handover) == HANDOVER_SIZE, "launch/handover_layout.ts has this size");
IS_AT(struct handover, size, HANDOVER_AT_SIZE);
IS_AT(struct handover, flags, HANDOVER_AT_FLAGS);
IS_AT(struct handover, preserve, HANDOVER_AT_PRESERVE);
IS_AT(struct handover, cgroups, HANDOVER_AT_CGROUPS);
IS_AT(struct handover, part, HANDOVER_AT_PARTS);
_Static_assert((i32)PHASE_CONTAINER == (i32)PART_CONTAINER && (i32)PHASE_PROCESS == (i32)PART_PROCESS &&
               (i32)PHASE_CLEANUP == (i32)PART_CLEANUP, "the part of a phase has its number");

/* Messages to the parent. */
struct failure {
  u8 news, phase;
  u16 unused;
  u32 index;
  i32 error;
};
_Static_assert(sizeof(struct failure) == FAILURE_SIZE, "launch/handover_layout.ts has this size");
IS_AT(struct failure, phase, FAILURE_PHASE);
IS_AT(struct failure, index, FAILURE_INDEX);
IS_AT(struct failure, error, FAILURE_ERROR);
struct answer {
  i32 error;
  u32 mode;
  u8 head[HEAD_SIZE];
};
IS_AT(struct answer, mode, ANSWER_MODE);
IS_AT(struct answer, head, ANSWER_HEAD);

/* What the current program belongs to. Stored in its header. */
struct situation {
  u64 exit_code; /* of the command, after its end */
  u32 phase, flags;
};
static struct situation *situation(void) { return (struct situation *)&plan->unused[1]; }

/* Sends a message of one byte. Never blocks; the first message always fits. */
static void tell(u8 news) {
  syscall6(SYS_sendto, TO_STATUS, (u64)&news, 1, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
}

static void report(u32 flags, u32 phase, u32 index, i64 error) {
  struct failure message = {NEWS_FAILED, (u8)phase, 0, index, (i32)error};
  u64 patience = flags & HANDOVER_ANSWERS ? 0 : MSG_DONTWAIT;
  while (syscall6(SYS_sendto, TO_STATUS, (u64)&message, sizeof message, patience | MSG_NOSIGNAL, 0, 0) == -EINTR);
}

/* Tells the parent what is at each path that it asks for, until it asks for
 * none or has ended. */
static void answer_questions(void) {
  u8 path[4097];
  struct answer answer;
  struct statx file;
  for (;;) {
    i64 length = syscall6(SYS_recvfrom, TO_STATUS, (u64)path, sizeof path - 1, 0, 0, 0);
    if (length == -EINTR) continue;
    if (length <= 1) return;
    path[length] = 0;
    answer.error = (i32)-syscall6(SYS_statx, (u64)AT_FDCWD, (u64)path, 0, STATX_BASIC, (u64)&file, 0);
    answer.mode = answer.error ? 0 : file.mode;
    length = 0;
    if ((answer.mode & S_IFMT) == S_IFREG) {
      i64 fd = syscall6(SYS_openat, (u64)AT_FDCWD, (u64)path, O_CLOEXEC | O_NONBLOCK, 0, 0, 0);
      if (fd >= 0) length = syscall6(SYS_read, (u64)fd, (u64)answer.head, HEAD_SIZE, 0, 0, 0);
      if (fd >= 0) syscall6(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
    }
    u64 size = ANSWER_HEAD + (length > 0 ? (u64)length : 0);
    syscall6(SYS_sendto, TO_STATUS, (u64)&answer, size, MSG_NOSIGNAL, 0, 0);
  }
}

/* Ends this process, and with it the container. */
static void give_up(u32 flags, u32 phase, u32 index, i64 error) {
  report(flags, phase, index, error);
  if (flags & HANDOVER_ANSWERS) answer_questions();
  leave(125);
}

/* Returns the result of a system call that is not a step, and must not fail. */
static i64 must(u32 flags, u32 number, i64 result) {
  if (result < 0 && result >= -4095) give_up(flags, PHASE_CALL, number, -result);
  return result;
}

/* A step of the current program has failed. A parent that asks nothing would
 * start again, which it may not after the command has run. The kernel unmounts
 * anyway. */
static void fail_inside(u32 at, i32 error) {
  struct situation now = *situation();
  if (now.phase == PHASE_CLEANUP && !(now.flags & HANDOVER_ANSWERS)) leave(now.exit_code);
  give_up(now.flags, now.phase, at, error);
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

/* Handles signals until the command has ended; returns its status from
 * wait4(2). A step of the launch has blocked these signals. */
static i32 attend_command(i64 command) {
  u64 taken = SIGNALS_TAKEN;
  i32 status = 0, group = (i32)command;
  struct siginfo info;
  for (;;) {
    i64 signal = syscall6(SYS_rt_sigtimedwait, (u64)&taken, (u64)&info, 0, 8, 0, 0);
    if (signal == SIGCHLD) {
      if (reap(command, &status)) return status;
    } else if (signal == SIGNAL_FOREGROUND && info.code == SI_QUEUE) {
      syscall6(SYS_ioctl, 0, TIOCSPGRP, (u64)&group, 0, 0, 0);
    } else if (signal == SIGCONT) {
      /* The stop signal stopped the command's whole process group. */
      syscall6(SYS_kill, (u64)-command, SIGCONT, 0, 0, 0, 0);
    } else if (signal > 0 && BIT(signal) & SIGNALS_FORWARDED) {
      syscall6(SYS_kill, (u64)command, (u64)signal, 0, 0, 0, 0);
    }
  }
}

/* vm.memfd_noexec=2 forbids executable memory files. Then the walker is a file
 * without a name, in a directory of the host that allows programs: the root has
 * not changed yet. */
static i64 walker_on_disk(const u8 *code, u64 size) {
  static const char places[][16] = {"/run", "/dev/shm", "/tmp", "/var/tmp"};
  for (u32 i = 0; i < sizeof places / sizeof *places; i++) {
    u8 path[48];
    i64 made = syscall6(SYS_openat, (u64)AT_FDCWD, (u64)places[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0500, 0, 0);
    if (made < 0) continue;
    i64 file = -1;
    if (syscall6(SYS_write, (u64)made, (u64)code, size, 0, 0, 0) == (i64)size) {
      /* A program that is open for writing cannot be executed. */
      own_file(path, (u64)made);
      file = syscall6(SYS_openat, (u64)AT_FDCWD, (u64)path, O_CLOEXEC, 0, 0, 0);
    }
    syscall6(SYS_close, (u64)made, 0, 0, 0, 0, 0);
    if (file < 0) continue;
    if (!syscall6(SYS_faccessat2, (u64)file, (u64) "", 1 /* X_OK */, AT_EMPTY_PATH, 0, 0)) return file;
    syscall6(SYS_close, (u64)file, 0, 0, 0, 0, 0);
  }
  return -EACCES;
}

/* Moves a descriptor above the numbers that the steps use, and, if possible,
 * above those that the command keeps. */
static i64 move_above(const struct handover *handover, i64 fd) {
  if (fd < 0 || !handover->preserve) return move_up(fd);
  i64 moved = syscall6(SYS_fcntl, (u64)fd, F_DUPFD_CLOEXEC, FIRST_TABLE, 0, 0, 0);
  if (moved < 0) return move_up(fd);
  syscall6(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
  return moved;
}

/* The command's program, in a file of its own for the walker. */
static i64 memory_for(const u8 *program, u64 length) {
  i64 fd = syscall6(SYS_memfd_create, (u64) "plan", MFD_CLOEXEC | MFD_ALLOW_SEALING, 0, 0, 0, 0);
  if (fd < 0) return fd;
  i64 written = syscall6(SYS_write, (u64)fd, (u64)program, length, 0, 0, 0);
  if (written != (i64)length) return written < 0 ? written : -ENOSPC;
  i64 sealed = syscall6(SYS_fcntl, (u64)fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW, 0, 0, 0);
  return sealed < 0 ? sealed : fd;
}

/* Reads a program of the handover into memory, at an address or anywhere. */
static i64 read_program(const struct part *part, u64 address) {
  i64 place = syscall6(SYS_mmap, address, part->length, PROT_READ_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | (address ? MAP_FIXED_NOREPLACE : 0), (u64)-1, 0);
  if (!is_mapped(place)) return place;
  i64 length = syscall6(SYS_pread64, TO_PLAN, (u64)place, part->length, part->at, 0, 0);
  return length == (i64)part->length ? place : length < 0 ? length : -ENOEXEC;
}

/* Carries out the program at BASE; returns when all its steps are done. */
static void carry_out_phase(const struct handover *handover, u32 phase, u64 exit_code) {
  u32 is_known = is_sound(handover->part[phase].length);
  *role() = AS_PID_ONE;
  *situation() = (struct situation){exit_code, phase, handover->flags};
  if (!is_known) fail_inside(0, ENOEXEC);
  carry_out();
}

/* Lets the program that this process is about to execute inherit a descriptor. */
static void hand_on(u64 fd) { syscall6(SYS_fcntl, fd, F_SETFD, 0, 0, 0, 0); }

/* Has the walker start the command, and attends it; returns its status from
 * wait4(2). */
static i32 run_command(const struct handover *handover, i64 walker, i64 memory) {
  u64 cgroups_end = TO_CGROUPS + handover->cgroups;
  const volatile struct plan *header = (const volatile struct plan *)must(
      handover->flags, SYS_mmap, syscall6(SYS_mmap, 0, sizeof(struct plan), PROT_READ, MAP_SHARED, (u64)memory, 0));
  i64 command = must(handover->flags, SYS_clone, syscall6(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0));
  if (!command) {
    for (u64 fd = TO_CGROUPS; fd < cgroups_end; fd++) hand_on(fd);
    hand_on(TO_STATUS);
    report(handover->flags, PHASE_CALL, SYS_execveat, -become_walker(walker, memory));
    leave(125);
  }
  syscall6(SYS_close, (u64)walker, 0, 0, 0, 0, 0);
  syscall6(SYS_close, (u64)memory, 0, 0, 0, 0, 0);
  /* A process that may trace PID 1 (--privileged) could use these descriptors
   * to reach the host's files. */
  if (handover->cgroups) syscall6(SYS_close_range, TO_CGROUPS, cgroups_end - 1, 0, 0, 0, 0);
  if (handover->preserve)
    syscall6(SYS_close_range, TO_PRESERVED, TO_PRESERVED + handover->preserve - 1, 0, 0, 0, 0);
  tell(NEWS_RUNNING);
  i32 status = attend_command(command);
  if (header->state == STATE_FAILED) give_up(handover->flags, PHASE_PROCESS, header->at, header->error);
  if (header->state != STATE_WALKING) {
    /* It never became the walker, and has reported why. */
    if (handover->flags & HANDOVER_ANSWERS) answer_questions();
    leave(125);
  }
  return status;
}

/* Reads the header of the handover; returns 0 if it is not one. */
static i32 read_handover(struct handover *handover) {
  struct statx file;
  if (syscall6(SYS_statx, TO_PLAN, (u64) "", AT_EMPTY_PATH, STATX_BASIC, (u64)&file, 0) ||
      (file.mode & S_IFMT) != S_IFREG ||
      syscall6(SYS_pread64, TO_PLAN, (u64)handover, sizeof *handover, 0, 0, 0) != sizeof *handover ||
      handover->magic != HANDOVER_MAGIC || handover->version != HANDOVER_VERSION || handover->size != file.size)
    return 0;
  for (u32 i = 0; i < PARTS; i++) {
    const struct part *part = &handover->part[i];
    if (part->at > file.size || part->length > file.size - part->at) return 0;
    if (i <= PART_CLEANUP && (part->length < sizeof(struct plan) || part->length > LIMIT)) return 0;
  }
  return 1;
}

/* What PID 1 needs after the root has changed. */
struct later {
  i64 walker, memory, cleanup;
};

/* Reads the handover, while the host's files can still be reached. */
static struct later read_parts(const struct handover *handover) {
  const struct part *code = &handover->part[PART_WALKER], *process = &handover->part[PART_PROCESS];
  const u32 flags = handover->flags;
  struct later later;
  const u8 *file = (const u8 *)must(
      flags, SYS_mmap, syscall6(SYS_mmap, 0, handover->size, PROT_READ, MAP_PRIVATE, TO_PLAN, 0));
  i64 walker = sealed_walker(file + code->at, code->length);
  if (walker == -EACCES) walker = walker_on_disk(file + code->at, code->length);
  walker = must(flags, SYS_memfd_create, walker);
  later.walker = must(flags, SYS_fcntl, move_above(handover, walker));
  i64 memory = must(flags, SYS_memfd_create, memory_for(file + process->at, process->length));
  later.memory = must(flags, SYS_fcntl, move_above(handover, memory));
  syscall6(SYS_munmap, (u64)file, handover->size, 0, 0, 0, 0);
  later.cleanup = must(flags, SYS_mmap, read_program(&handover->part[PART_CLEANUP], 0));
  must(flags, SYS_mmap, read_program(&handover->part[PART_CONTAINER], BASE));
  return later;
}

/* Acts as PID 1 of a container. Returns if this process is not one. */
static void be_pid_one(void) {
  struct handover handover;
  u8 told;
  if (own_pid() != 1) return;
  /* The parent fills the file first. If the parent has ended, so do we. */
  i64 length = syscall6(SYS_read, TO_LIFELINE, (u64)&told, 1, 0, 0, 0);
  if (!length) leave(125);
  if (length < 0 || !read_handover(&handover)) return;
  struct later later = read_parts(&handover);
  /* A container that may trace PID 1 could reach what is open here. */
  syscall6(SYS_close, TO_PLAN, 0, 0, 0, 0, 0);
  syscall6(SYS_close, TO_SELF, 0, 0, 0, 0, 0);
  syscall6(SYS_close_range, TO_STATUS, TO_LIFELINE, CLOSE_RANGE_CLOEXEC, 0, 0, 0);
  if (handover.cgroups)
    syscall6(SYS_close_range, TO_CGROUPS, TO_CGROUPS + handover.cgroups - 1, CLOSE_RANGE_CLOEXEC, 0, 0, 0);

  carry_out_phase(&handover, PHASE_CONTAINER, 0);
  syscall6(SYS_munmap, BASE, handover.part[PART_CONTAINER].length, 0, 0, 0, 0);
  u64 code = exit_code(run_command(&handover, later.walker, later.memory));
  /* End what the command left running. PID 1's -1 reaches only this container. */
  syscall6(SYS_kill, (u64)-1, SIGKILL, 0, 0, 0, 0);
  while (syscall6(SYS_wait4, (u64)-1, 0, 0, 0, 0, 0) > 0);
  u64 size = handover.part[PART_CLEANUP].length;
  /* If that fails, the kernel unmounts. */
  if (syscall6(SYS_mremap, (u64)later.cleanup, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, BASE, 0) == (i64)BASE)
    carry_out_phase(&handover, PHASE_CLEANUP, code);
  leave(code);
}

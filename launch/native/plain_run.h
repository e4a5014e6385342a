/*
 * The part of launch/native/entry.c for the plainest `run`: with a root
 * filesystem and a command, and no flags but those of understand_plain() in
 * launch/native/guards.h. Everything that its plan depends on is known in advance, so the plan is
 * compiled when the executable is built (launch/plain_run.ts), and the parent's
 * part is done here. The walker carries out the plan as for any other run; if
 * our executable is PID 1, launch/native/pid_one.h takes over there. No runtime
 * starts.
 *
 * This code decides nothing either. If anything differs from what the plan was
 * compiled for (scripts/built_in/guards.ts), or if a step fails, the runtime starts
 * and does everything, error messages included.
 */

enum { GRACE = 1 };

static void copy(u8 *to, const u8 *from, u64 length) {
  while (length--) {
    *to++ = *from++;
    __asm__ volatile("" ::: "memory"); /* stops gcc from calling memcpy, which does not exist here */
  }
}

/* Makes a memory file with a compiled plan and free space after it, and maps
 * it. */
static i64 bytecode_file(const char *name, u64 place, const u8 *bytecode, u64 length, u64 size, u8 **mapped) {
  i64 fd = move_up(syscall6(SYS_memfd_create, (u64)name, 3 /* MFD_CLOEXEC|MFD_ALLOW_SEALING */, 0, 0, 0, 0));
  if (fd < 0) return fd;
  /* MAP_SHARED, and MAP_FIXED_NOREPLACE if an address is given */
  i64 at = syscall6(SYS_write, (u64)fd, (u64)bytecode, length, 0, 0, 0) != (i64)length ||
                   syscall6(SYS_ftruncate, (u64)fd, size, 0, 0, 0, 0) ||
                   syscall6(SYS_fcntl, (u64)fd, 1033, 6 /* F_SEAL_SHRINK|F_SEAL_GROW */, 0, 0, 0)
               ? -1
               : syscall6(SYS_mmap, place, size, 3, place ? 0x100001 : 1, (u64)fd, 0);
  if (is_mapped(at) && (!place || at == (i64)place)) {
    *mapped = (u8 *)at;
    return fd;
  }
  if (is_mapped(at)) syscall6(SYS_munmap, (u64)at, size, 0, 0, 0, 0);
  syscall6(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
  return -1;
}

/* The parent, which waits for the end of a plain run. */
struct parent {
  u64 pid, taken, seen;
  i64 status; /* socket for PID 1's messages, if it is our executable; otherwise negative */
  i32 is_running, has_failed, stops, asked; /* for a stop: STOP_ASKED, STOP_TAKEN_BACK or 0 */
  const u8 *messages;
};

/* Like StopRequest of launch/attend/job.ts. */
enum { STOP_ASKED = 1, STOP_TAKEN_BACK = 2 };

static void note_stop(struct parent *parent, i64 signal) {
  if (signal == SIGTSTP) parent->asked = STOP_ASKED;
  else if (signal == SIGCONT && parent->asked == STOP_ASKED) parent->asked = STOP_TAKEN_BACK;
}

static void stop_together(struct parent *parent) {
  u64 set = BIT(SIGCONT) & parent->taken;
  i64 time[2] = {0, 0};
  /* SIGSTOP would drop a SIGCONT that has come already. */
  if (parent->asked == STOP_ASKED && set &&
      syscall6(SYS_rt_sigtimedwait, (u64)&set, 0, (u64)time, 8, 0, 0) == SIGCONT) {
    note_stop(parent, SIGCONT);
    syscall6(SYS_kill, parent->pid, SIGCONT, 0, 0, 0, 0);
  }
  i32 is_taken_back = parent->asked == STOP_TAKEN_BACK;
  parent->asked = 0;
  if (!parent->stops || is_taken_back) return;
  /* The signal that stopped us has stopped the command; after SIGCONT both
   * continue. */
  syscall6(SYS_kill, own_pid(), SIGSTOP, 0, 0, 0, 0);
  if (!(parent->taken & BIT(SIGCONT))) syscall6(SYS_kill, parent->pid, SIGCONT, 0, 0, 0, 0);
}

static void hear_news(struct parent *parent) {
  u8 news;
  while (parent->status >= 0 &&
         syscall6(SYS_recvfrom, (u64)parent->status, (u64)&news, 1, MSG_DONTWAIT, 0, 0) == 1) {
    parent->is_running |= news == NEWS_RUNNING;
    parent->has_failed |= news == NEWS_FAILED;
    if (news == NEWS_STOPPED || news == NEWS_WANTS_TERMINAL) stop_together(parent);
  }
}

/* From now on messages arrive with SIGIO. Earlier ones are read and dropped
 * first. */
static void listen_for_news(struct parent *parent) {
  hear_news(parent);
  if (parent->stops++ || parent->status < 0) return;
  syscall6(SYS_fcntl, (u64)parent->status, 8 /* F_SETOWN */, own_pid(), 0, 0, 0);
  syscall6(SYS_fcntl, (u64)parent->status, 4 /* F_SETFL */, 020000 /* O_ASYNC */, 0, 0, 0);
  hear_news(parent);
}

/* Until its execve, its command line is the walker's. */
static i32 is_running(struct parent *parent) {
  u8 path[32], text[16];
  hear_news(parent);
  if (parent->status >= 0) return parent->is_running;
  process_file(path, parent->pid, "/cmdline");
  i64 fd = syscall6(SYS_openat, (u64)AT_FDCWD, (u64)path, O_CLOEXEC, 0, 0, 0);
  if (fd < 0) return 1;
  i64 size = syscall6(SYS_read, (u64)fd, (u64)text, sizeof text, 0, 0, 0);
  syscall6(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
  return size != 9 || !after(text, WALKER_NAME) || text[7] != '0' + TO_WALK;
}

/* A file system that PID 1 waits for may never answer. PID 1 dies when that
 * call returns; the parent waits one second at most. */
static void end_early(const struct parent *parent, u64 signal) {
  u64 set = BIT(SIGCHLD);
  i64 time[2] = {GRACE, 0};
  const u8 *message = text_at(parent->messages, ending_index((i64)signal));
  syscall6(SYS_kill, parent->pid, SIGKILL, 0, 0, 0, 0);
  syscall6(SYS_rt_sigtimedwait, (u64)&set, 0, (u64)time, 8, 0, 0);
  syscall6(SYS_write, 2, (u64)message, (u64)(next(message) - message - 1), 0, 0, 0);
  leave(128 + signal);
}

/* Forwards signals until PID 1 has ended; returns its status from wait4(2). */
static i32 attend(struct parent *parent) {
  i64 ending = 0, end = 0;
  for (;;) {
    i32 status = 0;
    i64 left = ending ? end - now() : 0, time[2] = {0, left > 0 ? left : 0};
    struct siginfo info;
    i64 signal =
        syscall6(SYS_rt_sigtimedwait, (u64)&parent->taken, (u64)&info, ending ? (u64)time : 0, 8, 0, 0);
    if (signal == -EAGAIN) {
      if (!is_running(parent)) end_early(parent, (u64)ending);
      ending = 0;
    } else if (signal == SIGCHLD) {
      i64 found = syscall6(SYS_wait4, parent->pid, (u64)&status, WNOHANG | WUNTRACED, 0, 0, 0);
      if (!found) continue;
      if (found < 0 || (status & 0xff) != 0x7f) return status;
      stop_together(parent);
    } else if (signal == SIGIO && info.code > 0) {
      hear_news(parent);
    } else if ((signal == SIGTTIN || signal == SIGTTOU) && info.code > 0) {
      /* The terminal stops a job that uses it in the background. */
      syscall6(SYS_kill, own_pid(), SIGSTOP, 0, 0, 0, 0);
    } else if (signal > 0) {
      if (signal == SIGTSTP) listen_for_news(parent);
      note_stop(parent, signal);
      parent->seen |= BIT(signal);
      syscall6(SYS_kill, parent->pid, (u64)signal, 0, 0, 0, 0);
      if (BIT(signal) & SIGNALS_ENDING && !ending && !is_running(parent)) {
        ending = signal;
        end = now() + GRACE * SECOND - 1;
      }
    }
  }
}

/* The open files of a plain run. */
struct plain_files {
  i64 memory, handover, self, held, lifeline, status, theirs, walker;
};

/* One write each: the kernel takes a map completely or not at all. */
static i32 write_map(u64 pid, const char *name, const u8 *text) {
  u8 path[40];
  process_file(path, pid, name);
  u64 length = (u64)(next(text) - text - 1);
  i64 fd = syscall6(SYS_openat, (u64)AT_FDCWD, (u64)path, 1 /* O_WRONLY */ | O_CLOEXEC, 0, 0, 0);
  if (fd < 0) return 0;
  i64 written = syscall6(SYS_write, (u64)fd, (u64)text, length, 0, 0, 0);
  syscall6(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
  return written == (i64)length;
}

/* Like launch/host/id_maps.ts. */
static i32 map_ids(u64 pid, const struct plain_request *request) {
  if (!*request->uids) return 1;
  return (!request->denies_groups || write_map(pid, "/setgroups", (const u8 *)"deny")) &&
         write_map(pid, "/gid_map", request->gids) && write_map(pid, "/uid_map", request->uids);
}

/* PID 1 is released only after its pid is known. Otherwise a failure could
 * leave it running while the runtime starts a second one. */
static void launch_plain(const struct plain_files *files, const struct plain_request *request,
                         struct relays *relays, const u8 *messages, const u8 *announcement) {
  i32 status = -1;
  u64 before = 0;
  struct parent parent = {0, 0, 0, files->status, 0, 0, 0, 0, messages};
  syscall6(SYS_rt_sigprocmask, 0, 0, (u64)&before, 8, 0, 0);
  parent.taken = without_ignored(SIGNALS_FORWARDED & ~before) | BIT(SIGCHLD) | BIT(SIGIO);
  /* A closed standard error is no reason to end. */
  u64 blocked = parent.taken | BIT(SIGPIPE);
  syscall6(SYS_rt_sigprocmask, 0 /* SIG_BLOCK */, (u64)&blocked, 0, 8, 0, 0);
  /* A reader that is gone is no reason not to run. */
  if (*announcement) say(announcement);
  i64 child = syscall6(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
  if (!child) {
    const i64 given[] = {files->handover, files->theirs, files->self, files->held};
    for (u32 i = 0; i < 4; i++)
      if (given[i] >= 0) syscall6(SYS_dup3, (u64)given[i], TO_PLAN + i, 0, 0, 0, 0);
    take_relayed(relays);
    become_walker(files->walker, files->memory);
    leave(125);
  }
  syscall6(SYS_close, (u64)files->held, 0, 0, 0, 0, 0);
  if (files->theirs >= 0) syscall6(SYS_close, (u64)files->theirs, 0, 0, 0, 0, 0);
  if (child > 0) syscall6(SYS_wait4, (u64)child, (u64)&status, 0, 0, 0, 0);
  parent.pid = (u64)plan->slot[PLAIN_PID];
  if (!status && (!map_ids(parent.pid, request) || !start_relays(relays))) {
    syscall6(SYS_kill, parent.pid, SIGKILL, 0, 0, 0, 0);
    syscall6(SYS_wait4, parent.pid, 0, 0, 0, 0, 0);
  } else if (!status) {
    /* PID 1 reads one byte, and a second one if it is our executable. */
    syscall6(SYS_write, (u64)files->lifeline, (u64) "\0", files->handover >= 0 ? 2 : 1, 0, 0, 0);
    status = attend(&parent);
    /* Whether it failed is news; that the command had stopped is none any more. */
    parent.stops = 0;
    hear_news(&parent);
    if (plan->state == STATE_WALKING && !parent.has_failed)
      leave(finish_relays(relays, parent.taken, behind(messages), exit_code(status)));
  }
  give_up_relays(relays);
  /* SIGIO and SIGPIPE are our own and are dropped; the runtime gets the signals
   * that others sent. */
  u64 set = (BIT(SIGIO) | BIT(SIGPIPE)) & ~before;
  i64 time[2] = {0, 0};
  if (files->status >= 0) syscall6(SYS_close, (u64)files->status, 0, 0, 0, 0, 0);
  while (syscall6(SYS_rt_sigtimedwait, (u64)&set, 0, (u64)time, 8, 0, 0) > 0);
  for (u32 signal = 1; signal <= 64; signal++)
    if (parent.seen & BIT(signal))
      syscall6(SYS_kill, own_pid(), signal, 0, 0, 0, 0);
  syscall6(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, (u64)&before, 0, 8, 0, 0);
}

/* Places a part behind the others; its length is that of its bytes and of the
 * room after them. Returns its place. */
static u64 place_part(struct handover *handover, u32 number, u64 length, u64 room) {
  u64 at = (handover->size + 7) & ~7UL;
  handover->part[number] = (struct part){at, length + room};
  handover->size = at + length + room;
  return at;
}

/* Makes the handover to PID 1 (launch/handover_layout.ts), and maps it. The
 * parts that only launch/child.ts reads stay empty. */
static i64 handover_file(const struct plain *plain, const struct plain_request *request,
                         const struct expected *expected, u64 room, u8 **mapped, u64 *size) {
  const u8 *container = container_of(plain), *process = process_of(plain), *cleanup = cleanup_of(plain);
  struct handover handover;
  handover.magic = HANDOVER_MAGIC, handover.version = HANDOVER_VERSION, handover.size = sizeof handover;
  handover.flags = handover.preserve = handover.cgroups = handover.unused = 0;
  u64 container_at = place_part(&handover, PART_CONTAINER, plain->container, room);
  u64 process_at = place_part(&handover, PART_PROCESS, plain->process, room);
  u64 cleanup_at = place_part(&handover, PART_CLEANUP, plain->cleanup, room);
  u64 walker_at = place_part(&handover, PART_WALKER, plain->walker, 0);
  place_part(&handover, PART_FRONT, 0, 0);
  place_part(&handover, PART_STEPS, 0, 0);
  i64 fd = bytecode_file("handover", 0, (const u8 *)&handover, sizeof handover, *size = handover.size, mapped);
  if (fd < 0) return fd;
  struct room within = {*mapped + container_at, *mapped + container_at + plain->container};
  struct room last = {*mapped + process_at, *mapped + process_at + plain->process};
  struct room after_all = {*mapped + cleanup_at, *mapped + cleanup_at + plain->cleanup};
  copy(*mapped + container_at, container, plain->container);
  copy(*mapped + process_at, process, plain->process);
  copy(*mapped + cleanup_at, cleanup, plain->cleanup);
  copy(*mapped + walker_at, walker_of(plain), plain->walker);
  put_places(&within, request, plain->conditions);
  put_places(&last, request, plain->conditions);
  put_places(&after_all, request, plain->conditions);
  put_nulls(&within, request);
  put_command(&last, request, expected);
  if (!request->is_quiet) {
    i64 *slot = ((struct plan *)within.bytecode)->slot;
    slot[PLAIN_ANNOUNCES] = 1;
    slot[PLAIN_ANNOUNCEMENT] = address_in(&within, within.to);
    slot[PLAIN_ANNOUNCEMENT_LENGTH] = (i64)put_announcement(&within, request, 1);
  }
  return fd;
}

/* Returns only if the runtime has to start: whether the command was announced. */
static i32 carry_out_plain(const struct plain *plain, const struct plain_request *request,
                            const struct expected *expected, const u8 *messages) {
  const u8 *ours[3], *none = 0;
  ours[0] = (const u8 *)"/proc/self/exe", ours[1] = (const u8 *)"child", ours[2] = 0;
  u64 room = room_for(request, expected);
  u64 size = plain->launch + room, handover_size = 0;
  i32 ends[2] = {-1, -1}, sockets[2] = {-1, -1}, has_announced = 0;
  u8 *bytecode = 0, *handover = 0;
  struct plain_files files = {-1, -1, -1, -1, -1, -1, -1, -1};
  if (!room) return 0;
  struct relays relays;
  if (!open_relays(request, &relays)) {
    close_relays(&relays);
    return 0;
  }
  files.memory = bytecode_file("plan", BASE, launch_of(plain), plain->launch, size, &bytecode);
  files.walker = sealed_walker(walker_of(plain), plain->walker);
  syscall6(SYS_pipe2, (u64)ends, O_CLOEXEC, 0, 0, 0, 0);
  files.held = move_up(ends[0]);
  files.lifeline = move_up(ends[1]);
  i32 is_whole = files.memory >= 0 && files.walker >= 0 && files.held >= 0 && files.lifeline >= 0;
  if (plain->container) {
    files.handover = handover_file(plain, request, expected, room, &handover, &handover_size);
    files.self = move_up(syscall6(SYS_openat, (u64)AT_FDCWD, (u64) "/proc/self/exe", O_PATH | O_CLOEXEC, 0, 0, 0));
    syscall6(SYS_socketpair, 1 /* AF_UNIX */, 5 /* SOCK_SEQPACKET */ | O_CLOEXEC, 0, (u64)sockets, 0, 0);
    files.status = move_up(sockets[0]);
    files.theirs = move_up(sockets[1]);
    is_whole &= files.handover >= 0 && files.self >= 0 && files.status >= 0 && files.theirs >= 0;
  }
  if (is_whole) {
    struct room rest = {bytecode, bytecode + plain->launch};
    put_places(&rest, request, plain->conditions);
    if (plain->container) {
      plan->slot[PLAIN_ARGV] = put_words(&rest, ours, request->command);
      plan->slot[PLAIN_ENV] = put_words(&rest, &none, &none);
    } else {
      put_nulls(&rest, request);
      put_command(&rest, request, expected);
    }
    const u8 *announcement = rest.to;
    if (!request->is_quiet) put_announcement(&rest, request, own_pid());
    *rest.to = 0;
    launch_plain(&files, request, &relays, messages, announcement);
    has_announced = !request->is_quiet;
    files.held = files.theirs = files.status = -1;
  } else close_relays(&relays);
  if (bytecode) syscall6(SYS_munmap, BASE, size, 0, 0, 0, 0);
  if (handover) syscall6(SYS_munmap, (u64)handover, handover_size, 0, 0, 0, 0);
  const i64 *all = (const i64 *)&files;
  for (u32 i = 0; i < sizeof files / sizeof *all; i++)
    if (all[i] >= 0) syscall6(SYS_close, (u64)all[i], 0, 0, 0, 0, 0);
  return has_announced;
}

/* Written by launch/plain_run.ts; the build places it behind this code. */
const struct plain *plain_runs(void);
/* Found by its distance: nothing here is relocated. */
extern const u8 _start[] __attribute__((visibility("hidden")));

/* The runtime takes over after the announcement: with --quiet it does not
 * announce the command again. */
static void proceed_quietly(const i64 *stack, u64 exit_function) {
  u64 count = words_on_stack(stack);
  i64 room[count + 3], *copied = (i64 *)(((u64)room + 15) & ~15UL);
  copied[0] = stack[0] + 1;
  copied[1] = stack[1], copied[2] = stack[2];
  copied[3] = (i64) "-q";
  copy((u8 *)&copied[4], (const u8 *)&stack[3], (count - 3) * sizeof *stack);
  proceed(copied, exit_function);
}

/* If a guard fails, fail() does not return. Returns 0 if they cannot be carried
 * out. */
static i32 carry_out_guards(const struct plain *plain, const struct plain_request *request, u64 as,
                            const i64 *stack, u64 exit_function) {
  u64 size = plain->guards + length_of_places(request);
  i64 place = syscall6(SYS_mmap, BASE, size, PROT_READ_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, (u64)-1, 0);
  if (place != (i64)BASE) {
    if (is_mapped(place)) syscall6(SYS_munmap, (u64)place, size, 0, 0, 0, 0);
    return 0;
  }
  struct room room = {(u8 *)BASE, (u8 *)BASE + plain->guards};
  copy((u8 *)BASE, plain->bytes, plain->guards);
  *origin() = (struct start){(i64 *)stack, exit_function};
  plan->unused[2] = size;
  *role() = as;
  if (!is_sound(plain->guards)) fail(0, ENOEXEC);
  put_places(&room, request, plain->conditions);
  carry_out();
  syscall6(SYS_munmap, BASE, size, 0, 0, 0, 0);
  return 1;
}

/* Returns only if this run is not plain. */
static void run_plain(const i64 *stack, u64 exit_function) {
  const struct plain *plain = plain_runs();
  struct plain_request request;
  if ((const u8 *)plain == _start || !understand_plain((const u8 **)&stack[3], &request) || !look_at_streams(&request)) return;
  /* There is an entry for each kind of machine, and for each kind of run. */
  u8 cgroups[8192];
  if (!read_cgroups(cgroups, sizeof cgroups)) return;
  for (; plain->size; plain = (const struct plain *)((const u8 *)plain + plain->size)) {
    const u8 *hierarchies = texts_of(plain);
    const u8 *carried = next(hierarchies), *directories = next(carried), *variables = behind(directories);
    struct expected expected = {directories, variables};
    if (request.is_direct != (i32)plain->is_direct || !has_hierarchies(cgroups, hierarchies)) continue;
    if (!find_root(&request, stack, carried) || !carry_out_guards(plain, &request, AS_PLAIN, stack, exit_function)) return;
    if (carry_out_plain(plain, &request, &expected, behind(variables))) proceed_quietly(stack, exit_function);
    proceed(stack, exit_function);
  }
}

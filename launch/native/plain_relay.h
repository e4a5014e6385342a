/*
 * The part of launch/native/plain_run.h for standard streams that are files of
 * the host; launch/attend/stream_relay.ts does the same for every other run.
 * The command gets a pipe in place of each file, and a relay process per pipe
 * copies between the two. It is a separate process because reading or writing a
 * file can block, and the parent has to forward signals. A relay holds only its
 * file and its pipe, and dies with the parent.
 */

enum {
  PIPE_SIZE = 1 << 20, F_SETPIPE_SZ = 1031, FIONREAD = 0x541b, SEEK_CUR = 1,
  POLLOUT = 4, EBADF = 9, ENOMEM = 12,
  /* RELAY_FILE to RELAY_CONTROL are the only descriptors that a relay has open. */
  SECOND = 1000000000,
  RELAY_FILE = 0, RELAY_PIPE, RELAY_LOOK, RELAY_CONTROL, RELAY_REST,
};

struct relay {
  i64 stream; /* number of the standard stream; -1 for no relay */
  i32 is_both; /* standard error is the same open file */
  i64 ours, theirs, look, control, told, pid;
};

/* For standard input, output and error. */
struct relays {
  struct relay of[3];
};

static void close_one(i64 *fd) {
  if (*fd >= 0) syscall6(SYS_close, (u64)*fd, 0, 0, 0, 0, 0);
  *fd = -1;
}

static void close_relays(struct relays *relays) {
  for (struct relay *relay = relays->of; relay < relays->of + 3; relay++) {
    close_one(&relay->ours);
    close_one(&relay->theirs);
    close_one(&relay->look);
    close_one(&relay->control);
    close_one(&relay->told);
  }
}

static i32 make_pipe(i64 *read, i64 *write) {
  i32 ends[2] = {-1, -1};
  syscall6(SYS_pipe2, (u64)ends, O_CLOEXEC, 0, 0, 0, 0);
  *read = move_up(ends[0]);
  *write = move_up(ends[1]);
  return *read >= 0 && *write >= 0;
}

/* Makes the pipes. Returns 0 on failure; close_relays() closes what exists
 * then. */
static i32 open_relays(const struct plain_request *request, struct relays *relays) {
  i32 is_whole = 1;
  for (u32 i = 0; i < 3; i++) relays->of[i] = (struct relay){-1, 0, -1, -1, -1, -1, -1, -1};
  for (i64 fd = 0; fd < 3; fd++) {
    struct relay *relay = &relays->of[fd];
    if (!request->is_file[fd] || (fd == 2 && request->is_shared)) continue;
    relay->stream = fd;
    relay->is_both = fd == 1 && request->is_shared;
    is_whole &= fd ? make_pipe(&relay->ours, &relay->theirs)
                   : make_pipe(&relay->theirs, &relay->ours) && make_pipe(&relay->control, &relay->told);
    if (!is_whole) break;
    /* If the system does not allow this size, less data fits at once. */
    syscall6(SYS_fcntl, (u64)relay->ours, F_SETPIPE_SZ, PIPE_SIZE, 0, 0, 0);
    if (fd) continue;
    /* A second read end: the relay asks it for the unread bytes after all other
     * read ends are closed. */
    relay->look = syscall6(SYS_fcntl, (u64)relay->theirs, F_DUPFD_CLOEXEC, HIGH, 0, 0, 0);
    is_whole &= relay->look >= 0 && !syscall6(SYS_fcntl, (u64)relay->ours, 4 /* F_SETFL */, O_NONBLOCK, 0, 0, 0);
  }
  return is_whole;
}

/* Runs in the process that becomes PID 1. */
static void take_relayed(const struct relays *relays) {
  for (const struct relay *relay = relays->of; relay < relays->of + 3; relay++) {
    if (relay->stream < 0) continue;
    syscall6(SYS_dup3, (u64)relay->theirs, (u64)relay->stream, 0, 0, 0, 0);
    if (relay->is_both) syscall6(SYS_dup3, (u64)relay->theirs, 2, 0, 0, 0, 0);
  }
}

/* read(2) or write(2); an error ends the relay. */
static u64 transfer(u64 call, u64 fd, u8 *bytes, u64 count) {
  for (;;) {
    i64 done = syscall6((i64)call, fd, (u64)bytes, count, 0, 0, 0);
    if (done >= 0) return (u64)done;
    if (done != -EINTR) leave((u64)-done);
  }
}

static void empty_pipe(u8 *buffer) {
  for (u64 count; (count = transfer(SYS_read, RELAY_PIPE, buffer, PIPE_SIZE));)
    for (u64 at = 0, written; at < count; at += written) {
      written = transfer(SYS_write, RELAY_FILE, buffer + at, count - at);
      if (!written) leave(ENOSPC);
    }
  leave(0);
}

/* Returns whether the command has ended; waits until it has, or the pipe takes
 * bytes. */
static i32 has_ended(i32 takes) {
  struct { i32 fd; i16 events, found; } wanted[2] = {{RELAY_CONTROL, POLLIN, 0}, {takes ? RELAY_PIPE : -1, POLLOUT, 0}};
  while (syscall6(SYS_ppoll, (u64)wanted, 2, 0, 0, 0, 0) < 0);
  return wanted[0].found != 0;
}

/* Sets the file offset to the first byte that the command has not read, for the
 * next reader, and ends the relay. */
static void put_back(u64 count) {
  i32 unread = 0;
  syscall6(SYS_ioctl, RELAY_LOOK, FIONREAD, (u64)&unread, 0, 0, 0);
  syscall6(SYS_lseek, RELAY_FILE, -(u64)(count + (u64)unread), SEEK_CUR, 0, 0, 0);
  leave(0);
}

static void fill_pipe(u8 *buffer) {
  for (u64 count; (count = transfer(SYS_read, RELAY_FILE, buffer, PIPE_SIZE));)
    for (u64 at = 0; at < count;) {
      i64 written = syscall6(SYS_write, RELAY_PIPE, (u64)(buffer + at), count - at, 0, 0, 0);
      if (written >= 0) at += (u64)written;
      else if (has_ended(1)) put_back(count - at);
    }
  syscall6(SYS_close, RELAY_PIPE, 0, 0, 0, 0, 0);
  while (!has_ended(0));
  put_back(0);
}

/* Runs in a new process and never returns. */
static void be_relay(const struct relay *relay, u64 parent) {
  const i64 given[] = {relay->stream, relay->ours, relay->look, relay->control};
  u64 all = ~0UL;
  syscall6(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, (u64)&all, 0, 8, 0, 0);
  syscall6(SYS_prctl, 1 /* PR_SET_PDEATHSIG */, SIGKILL, 0, 0, 0, 0);
  if ((u64)syscall6(SYS_getppid, 0, 0, 0, 0, 0, 0) != parent) leave(EIO);
  for (u64 to = RELAY_FILE; to < RELAY_REST; to++)
    if (given[to] >= 0 && given[to] != (i64)to && syscall6(SYS_dup3, (u64)given[to], to, 0, 0, 0, 0) < 0) leave(EBADF);
  syscall6(SYS_close_range, relay->stream ? RELAY_LOOK : RELAY_REST, ~0U, 0, 0, 0, 0);
  i64 buffer = syscall6(SYS_mmap, 0, PIPE_SIZE, 3, 0x22 /* MAP_PRIVATE|MAP_ANONYMOUS */, (u64)-1, 0);
  if (!is_mapped(buffer)) leave(ENOMEM);
  if (relay->stream) empty_pipe((u8 *)buffer);
  fill_pipe((u8 *)buffer);
}

/* Starts the relays. PID 1 has its ends of the pipes by now. Returns 0 on
 * failure. */
static i32 start_relays(struct relays *relays) {
  u64 parent = own_pid();
  for (struct relay *relay = relays->of; relay < relays->of + 3; relay++) close_one(&relay->theirs);
  for (struct relay *relay = relays->of; relay < relays->of + 3; relay++) {
    if (relay->stream < 0) continue;
    relay->pid = syscall6(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
    if (!relay->pid) be_relay(relay, parent);
    if (relay->pid < 0) return 0;
    close_one(&relay->ours);
    close_one(&relay->look);
    close_one(&relay->control);
  }
  return 1;
}

static const u8 endings[] = ENDING_IN_ORDER;
enum { ENDINGS = sizeof endings };

/* The index of an ending signal among the messages. */
static u32 ending_index(i64 signal) {
  u32 index = 0;
  while (endings[index] != signal) index++;
  return index;
}

/* clock_gettime(2), in nanoseconds. */
static i64 now(void) {
  i64 time[2] = {0, 0};
  syscall6(SYS_clock_gettime, 1 /* CLOCK_MONOTONIC */, (u64)time, 0, 0, 0, 0);
  return time[0] * SECOND + time[1];
}

/* Waits for the end of a relay: until the time `end`, or without one until an
 * ending signal arrives. Returns the relay's error, or that signal as a
 * negative number. */
static i64 end_of(const struct relay *relay, u64 taken, i64 end) {
  for (;;) {
    i32 status = 0;
    i64 found = syscall6(SYS_wait4, (u64)relay->pid, (u64)&status, WNOHANG, 0, 0, 0);
    if (found) return found < 0 || status & 0x7f ? EIO : status >> 8 & 0xff;
    i64 left = end ? end - now() : 0, time[2] = {0, left > 0 ? left : 0};
    if (end && left <= 0) return 0;
    i64 signal = syscall6(SYS_rt_sigtimedwait, (u64)&taken, 0, end ? (u64)time : 0, 8, 0, 0);
    if (!end && signal > 0 && BIT(signal) & SIGNALS_ENDING) return -signal;
  }
}

/* Texts of launch/plain_run.ts, one after the other. */
static const u8 *text_at(const u8 *texts, u32 index) {
  while (index--) texts = next(texts);
  return texts;
}

static void say(const u8 *text) {
  syscall6(SYS_write, 2, (u64)text, (u64)(next(text) - text - 1), 0, 0, 0);
}

/* The kind of loss: of input, output, error, or both outputs. Each kind has a
 * text before the error and a text after it. The errors follow, each with its
 * number as first byte. */
enum { BOTH = 3, LOSSES = 4 };

static void say_loss(const u8 *texts, const struct relay *relay, i64 error) {
  u32 kind = relay->is_both ? BOTH : (u32)relay->stream;
  const u8 *text = text_at(texts, 2 * LOSSES);
  while (*text && *text != error && *next(text)) text = next(text);
  say(text_at(texts, 2 * kind));
  say(text + 1);
  say(text_at(texts, 2 * kind + 1));
}

/* Runs after the command has ended. Input that it has not read stays in its
 * file, and its output is copied to the end. Returns the exit status. */
static u64 finish_relays(struct relays *relays, u64 taken, const u8 *stops, u64 status) {
  i64 losses[3] = {0, 0, 0};
  const u8 *texts = behind(stops);
  close_one(&relays->of[0].told);
  if (relays->of[0].stream >= 0) losses[0] = end_of(&relays->of[0], BIT(SIGCHLD), now() + SECOND - 1);
  for (u32 i = 1; i < 3; i++) {
    if (relays->of[i].stream < 0) continue;
    losses[i] = end_of(&relays->of[i], taken, 0);
    if (losses[i] >= 0) continue;
    i32 is_one = relays->of[1].stream < 0 || (relays->of[2].stream < 0 && !relays->of[1].is_both);
    u32 kind = is_one ? (u32)(relays->of[1].stream < 0) : 2;
    say(text_at(stops, kind * ENDINGS + ending_index(-losses[i])));
    return 128 + (u64)-losses[i];
  }
  for (u32 i = 0; i < 3; i++) {
    if (!losses[i]) continue;
    say_loss(texts, &relays->of[i], losses[i]);
    return status ? status : 125;
  }
  return status;
}

/* The plain run did not happen: relays put back what they have read. */
static void give_up_relays(struct relays *relays) {
  close_relays(relays);
  for (struct relay *relay = relays->of; relay < relays->of + 3; relay++)
    if (relay->pid > 0) syscall6(SYS_wait4, (u64)relay->pid, 0, 0, 0, 0, 0);
}

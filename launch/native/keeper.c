/*
 * The keeper: our only process that stays while a detached container runs.
 *
 * It is the parent of the container's PID 1 (the walker that it starts clones
 * PID 1 with CLONE_PARENT). It writes PID 1's output to a log, holds its
 * terminal, waits for its end and records the status. It has no libc and no
 * heap. It runs on the host in a session of its own, and holds no descriptor of
 * the command that started it.
 *
 *   container-keeper ID     launch/keeper.ts starts it and writes its config
 *
 * It starts with the walker's descriptors at the walker's numbers, and its own
 * from KEPT_CONFIG on. In its directory it makes `log`, `log.1` and `exit`. Log
 * lines have the format of Kubernetes:
 *
 *   2026-11-24T00:05:00.123456789Z stdout F text
 *
 * P instead of F means that the line had not ended when it was read. If the
 * disk is full, output is dropped, and a line of the stream `keeper` tells how
 * much. `exit` is one line: the pid, the exit status as a shell reports it, the
 * time, and the number of bytes dropped from the log.
 *
 * A client connects to the socket `attach` in this directory and writes one
 * byte. `a` attaches it: it gets one byte with a descriptor, `t` with the
 * terminal's master side, `i` with the command's input, or `n` without a
 * descriptor if there is no input. keeper_clients.h describes the messages
 * after that. `e` closes the command's input. `s` announces that somebody waits
 * for the command's end.
 */

#include "calls.h"
#include "constants.h"

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n"
        "xor %ebp, %ebp\n and $-16, %rsp\n call keep\n hlt\n");
#else
__asm__(".globl _start\n_start:\n"
        "mov x29, xzr\n mov x30, xzr\n bl keep\n");
#endif

static i64 call(i64 nr, u64 a, u64 b, u64 c, u64 d, u64 e) {
  return syscall6(nr, a, b, c, d, e, 0);
}

enum { EINTR = 4, EAGAIN = 11, ECONNRESET = 104 };
enum { O_WRONLY = 1, O_CREAT = 0100, O_TRUNC = 01000, O_APPEND = 02000, O_NONBLOCK = 04000, O_CLOEXEC = 02000000 };
enum { F_SETFL = 4, F_DUPFD_CLOEXEC = 1030, F_GETPIPE_SZ = 1032 };
enum { POLLIN = 1 };
enum { AT_EMPTY_PATH = 0x1000, CLOSE_RANGE_CLOEXEC = 4, MSG_CMSG_CLOEXEC = 0x40000000 };

/* The keeper's own descriptors begin here. */
enum { FREE = KEPT_WALKER + 1 };

struct config {
  u32 magic, flags;
  u64 pid_at;       /* where the walker writes the pid, in the plan */
  u64 log_max;      /* bytes of `log` before it becomes `log.1`; 0: no limit */
  u64 delay;        /* milliseconds before the command below */
  u64 calm;         /* the same, if the container ran for ten seconds or more */
  u32 argc, envc;   /* command to execute after the container's end; argc 0: none */
  char words[CONFIG_SIZE - CONFIG_WORDS];/* argv, then envp, each word ended by 0 */
};
_Static_assert(sizeof(struct config) == CONFIG_SIZE, "launch/keeper.ts writes so many bytes");

/* TERMINAL_SIZE: more than a terminal buffers. */
enum { CALM = 10, TERMINAL_SIZE = 1 << 20, EXIT_SIZE = 128, ROOM = 1 << 16 };

struct pollfd { i32 fd; u16 events, revents; };
struct timespec { i64 seconds, nanoseconds; };
struct iovec { void *base; u64 length; };
struct rights { u64 length; i32 level, type, fd, unused; };
struct msghdr { void *name; u64 name_length; struct iovec *iov; u64 iovlen; void *control; u64 control_length; i64 flags; };

static struct config config;
static char *words[MAX_WORDS + 2];
static u8 input[8192];
static u8 output[16384];
static u32 pending;   /* bytes of output that are not written yet */
static u32 unended;   /* streams whose last line is unfinished: 1 stdout, 2 stderr */
static u32 begun;     /* the same, at the end of the written part */
static i32 log_fd = -1;
static u64 log_size, dropped;
static i32 shut; /* nothing goes to the log before the count of dropped bytes does */
static u64 log_before; /* bytes of the log that are in older files */
static char now[32];
static i32 master = -1;
static i32 in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1};
static i32 process = -1, pid, listener = -1, kept, controlled = 1;
static u64 mask; /* our caller's umask: for the command, not for the keeper */

static void leave(u64 status) {
  call(SYS_exit_group, status, 0, 0, 0, 0);
  for (;;) __builtin_trap();
}

static void copy(u8 *to, const u8 *from, u64 length) {
  while (length--) {
    *to++ = *from++;
    __asm__ volatile("" ::: "memory"); /* stops gcc from calling memcpy, which does not exist here */
  }
}

static u32 length_of(const char *text) {
  u32 length = 0;
  while (text[length]) length++;
  return length;
}

#include "keeper_clients.h"
#include "keeper_log.h"

static i32 wait_for(i32 pid) {
  i32 status = 0;
  i64 got;
  do got = call(SYS_wait4, (u64)pid, (u64)&status, 0, 0, 0);
  while (got == -EINTR);
  return got < 0 ? -1 : status;
}

static i32 up(i32 fd) {
  i32 moved = (i32)call(SYS_fcntl, (u64)fd, F_DUPFD_CLOEXEC, FREE, 0, 0);
  call(SYS_close, (u64)fd, 0, 0, 0, 0);
  return moved;
}

static void make_pipe(i32 *ends) {
  if (call(SYS_pipe2, (u64)ends, O_CLOEXEC, 0, 0, 0) < 0) leave(125);
  ends[0] = up(ends[0]);
  ends[1] = up(ends[1]);
}

static void become(i32 fd, i32 stream) {
  if (fd >= 0) call(SYS_dup3, (u64)fd, (u64)stream, 0, 0, 0);
}

/* Runs in the process between the keeper and the walker. */
static void start_walker(i32 in, i32 out, i32 err) {
  static char number[] = {'0' + TO_WALK, 0};
  static char *const argv[] = {WALKER_NAME, number, 0};
  static char *const envp[] = {0};
  /* The command can send signals to its process group; the keeper must not be
   * in it. */
  call(SYS_setsid, 0, 0, 0, 0, 0);
  become(in, 0);
  become(out, 1);
  become(err, 2);
  call(SYS_close_range, KEPT_CONFIG, ~0u, CLOSE_RANGE_CLOEXEC, 0, 0);
  call(SYS_umask, mask, 0, 0, 0, 0);
  call(SYS_execveat, KEPT_WALKER, (u64) "", (u64)argv, (u64)envp, AT_EMPTY_PATH);
  leave(125);
}

/* A message from our starter: the terminal, or `k`, the container is recorded.
 * Returns false when no more will come. */
static i32 listen(void) {
  u8 byte = 0;
  struct rights control = {0, 0, 0, -1, 0};
  struct iovec vector = {&byte, 1};
  struct msghdr message = {0, 0, &vector, 1, &control, sizeof control, 0};
  i64 count = call(SYS_recvmsg, KEPT_CONTROL, (u64)&message, MSG_CMSG_CLOEXEC, 0, 0);
  /* ECONNRESET: our starter closed its end with our report unread. Its messages
   * are still there. */
  if (count == -EINTR || count == -EAGAIN || count == -ECONNRESET) return 1;
  if (count <= 0) return 0;
  if (message.control_length >= 20 && control.level == 1 && control.type == 1) {
    master = control.fd;
    call(SYS_fcntl, (u64)master, F_SETFL, O_NONBLOCK | 2, 0, 0);
  }
  if (byte == 'k') kept = 1;
  return 1;
}

/* Opens the socket `attach`; -1 on failure. */
static i32 open_attach(void) {
  /* KEPT_DIRECTORY's own path may be too long for a socket address. A socket of
   * before a restart may exist. */
  static const struct { u16 family; char path[24]; } address = {1, "/proc/self/fd/45/attach"};
  _Static_assert(KEPT_DIRECTORY == 45, "the path above");
  call(SYS_unlinkat, KEPT_DIRECTORY, (u64) "attach", 0, 0, 0);
  i32 fd = (i32)call(SYS_socket, 1 /* AF_UNIX */, 5 /* SOCK_SEQPACKET */ | O_NONBLOCK | O_CLOEXEC, 0, 0, 0);
  if (fd < 0) return -1;
  fd = up(fd);
  if (call(SYS_bind, (u64)fd, (u64)&address, sizeof address, 0, 0) < 0 ||
      call(SYS_listen, (u64)fd, 8, 0, 0, 0) < 0) {
    call(SYS_close, (u64)fd, 0, 0, 0, 0);
    return -1;
  }
  return fd;
}

/* Only the owner of the directory can connect. */
static void serve(void) {
  i32 fd = (i32)call(SYS_accept4, (u64)listener, 0, 0, O_NONBLOCK | O_CLOEXEC, 0);
  if (fd < 0) return;
  struct pollfd polled = {fd, POLLIN, 0};
  struct timespec patience = {1, 0};
  u8 byte = 0;
  call(SYS_ppoll, (u64)&polled, 1, (u64)&patience, 0, 8);
  call(SYS_read, (u64)fd, (u64)&byte, 1, 0, 0);
  if (byte == 's') stopping = 1;
  if (byte == 'e' && in[1] >= 0) {
    call(SYS_close, (u64)in[1], 0, 0, 0, 0);
    in[1] = -1;
  }
  if (byte == 'a' && attached < CLIENTS) {
    i32 to = master >= 0 ? master : in[1];
    if (tell(fd, master >= 0 ? "t" : to >= 0 ? "i" : "n", 1, to) == 1) {
      clients[attached] = (struct client){fd, 0, 0, 0};
      attached++;
      if (memory >= 0 || log_fd >= 0) offer(attached - 1, memory >= 0 ? memory_size : end_of_log());
      return;
    }
  }
  call(SYS_close, (u64)fd, 0, 0, 0, 0);
}

/* Waits for events and handles them; reads the command's output only if
 * `reading`. Returns the number of events. */
static i64 attend(i32 reading, const struct timespec *patience) {
  const i32 fds[] = {process, controlled ? KEPT_CONTROL : -1, listener, reading ? out[0] : -1, reading ? err[0] : -1, reading ? master : -1};
  enum { OURS = sizeof fds / sizeof *fds };
  struct pollfd polled[OURS + CLIENTS];
  for (u32 i = 0; i < OURS + attached; i++) {
    polled[i].fd = i < OURS ? fds[i] : clients[i - OURS].fd;
    polled[i].events = POLLIN;
    polled[i].revents = 0;
  }
  struct timespec time = patience ? *patience : (struct timespec){0, 0};
  i64 happened = call(SYS_ppoll, (u64)polled, OURS + attached, patience ? (u64)&time : 0, 0, 8);
  if (happened <= 0) return happened;
  /* Backwards: forget() moves the last client to the free place. */
  for (u32 i = attached; i--;) if (polled[OURS + i].revents) hear(i);
  if (polled[1].revents && !listen()) {
    call(SYS_close, KEPT_CONTROL, 0, 0, 0, 0);
    controlled = 0;
    /* Our starter was killed before it recorded the container. */
    if (!kept) call(SYS_kill, (u64)pid, SIGKILL, 0, 0, 0);
  }
  if (polled[2].revents) serve();
  if (polled[0].revents) ended = 1;
  if (polled[3].revents && !pass(out[0], "stdout")) call(SYS_close, (u64)out[0], 0, 0, 0, 0), out[0] = -1;
  if (polled[4].revents && !pass(err[0], "stderr")) call(SYS_close, (u64)err[0], 0, 0, 0, 0), err[0] = -1;
  if (polled[5].revents && !pass(master, "stdout") && !ended) {
    /* Nobody has the terminal open; somebody may open it again. */
    struct timespec moment = {0, 100000000};
    call(SYS_nanosleep, (u64)&moment, 0, 0, 0, 0);
  }
  return happened;
}

static u32 code_of(i32 status) {
  return status < 0 ? 255 : status & 0x7f ? 128 + (u32)(status & 0x7f) : (u32)status >> 8 & 0xff;
}

/* Tells attached clients the exit status: their files are complete now. */
static void dismiss(u32 code) {
  u8 message[2] = {'e', (u8)code};
  while (attached) {
    tell(clients[0].fd, message, sizeof message, -1);
    forget(0);
  }
}

/* launch/keeper.ts reserved space for this, in case the disk is full. */
static void write_exit(u32 code) {
  static char text[EXIT_SIZE];
  char *at = digits(text, (u64)pid, 0);
  *at++ = ' ';
  at = digits(at, code, 0);
  *at++ = ' ';
  copy((u8 *)at, (const u8 *)now, 30);
  at += 30;
  *at++ = ' ';
  at = digits(at, dropped, 0);
  while (at < text + EXIT_SIZE - 1) *at++ = ' ';
  *at = '\n';
  i64 fd = call(SYS_openat, KEPT_DIRECTORY, (u64) "exit.new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600, 0);
  if (fd < 0 || write_all((i32)fd, text, EXIT_SIZE)) return;
  call(SYS_fsync, (u64)fd, 0, 0, 0, 0);
  call(SYS_close, (u64)fd, 0, 0, 0, 0);
  call(SYS_renameat, KEPT_DIRECTORY, (u64) "exit.new", KEPT_DIRECTORY, (u64) "exit", 0);
}

static void do_the_rest(i64 ran) {
  u64 delay = ran >= CALM ? config.calm : config.delay;
  struct timespec time = {(i64)(delay / 1000), (i64)(delay % 1000 * 1000000)};
  u32 at = 0;
  if (!config.argc || config.argc + config.envc > MAX_WORDS) leave(0);
  while (call(SYS_nanosleep, (u64)&time, (u64)&time, 0, 0, 0) == -EINTR);
  /* words is argv, 0, envp, 0 */
  for (u32 i = 0, place = 0; i < config.argc + config.envc; i++, place++) {
    if (i == config.argc) place++;
    words[place] = config.words + at;
    while (at < sizeof config.words - 1 && config.words[at]) at++;
    at++;
    if (at >= sizeof config.words) leave(125);
  }
  call(SYS_close_range, 3, ~0u, 0, 0, 0);
  call(SYS_umask, mask, 0, 0, 0, 0);
  call(SYS_execve, (u64)words[0], (u64)words, (u64)(words + config.argc + 1), 0, 0);
  leave(125);
}

__attribute__((used)) void keep(void) {
  struct { i32 status, error; i64 pid; } report = {0, 0, 0};
  if (call(SYS_pread64, KEPT_CONFIG, (u64)&config, sizeof config, 0, 0) != sizeof config ||
      config.magic != KEEPER_MAGIC) leave(125);
  call(SYS_setsid, 0, 0, 0, 0, 0);
  call(SYS_chdir, (u64) "/", 0, 0, 0, 0);
  mask = (u64)call(SYS_umask, 077, 0, 0, 0, 0);
  /* A reader of a pipe that our caller holds would otherwise wait for the
   * keeper's end. */
  call(SYS_close_range, FREE, ~0u, 0, 0, 0);
  call(SYS_prctl, 4, 0, 0, 0, 0); /* PR_SET_DUMPABLE: we hold a terminal and a log */
  call(SYS_prctl, 15, (u64) "keeper", 0, 0, 0); /* PR_SET_NAME */
  if (config.flags & CONFIG_INTERACTIVE) make_pipe(in);
  make_pipe(out);
  make_pipe(err);
  open_log();
  if (log_fd >= 0) log_fd = up(log_fd);
  i64 child = call(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (child == 0) start_walker(in[0], out[1], err[1]);
  if (in[0] >= 0) call(SYS_close, (u64)in[0], 0, 0, 0, 0);
  call(SYS_close, (u64)out[1], 0, 0, 0, 0);
  call(SYS_close, (u64)err[1], 0, 0, 0, 0);
  report.status = child < 0 ? -1 : wait_for((i32)child);
  report.error = child < 0 ? (i32)-child : 0;
  if (report.status == 0) call(SYS_pread64, TO_WALK, (u64)&report.pid, 8, config.pid_at, 0);
  pid = (i32)report.pid;
  struct timespec start = clock(1);
  process = pid > 0 ? (i32)call(SYS_pidfd_open, (u64)pid, 0, 0, 0, 0) : -1;
  if (process >= 0) process = up(process);
  call(SYS_close_range, 3, KEPT_CONFIG, 0, 0, 0);
  call(SYS_close, KEPT_WALKER, 0, 0, 0, 0);
  /* Before the report: our starter may attach before the container starts. */
  listener = open_attach();
  write_all(KEPT_CONTROL, &report, sizeof report);
  if (process < 0) leave(125);
  call(SYS_fcntl, (u64)out[0], F_SETFL, O_NONBLOCK, 0, 0);
  call(SYS_fcntl, (u64)err[0], F_SETFL, O_NONBLOCK, 0, 0);
  while (!ended) attend(1, 0);
  call(SYS_unlinkat, KEPT_DIRECTORY, (u64) "attach", 0, 0, 0);
  u32 code = code_of(wait_for(pid));
  drain(out[0], "stdout");
  drain(err[0], "stderr");
  drain(master, "stdout");
  tell_time();
  if (dropped) note_dropped();
  write_exit(code);
  dismiss(code);
  do_the_rest(clock(1).seconds - start.seconds);
}

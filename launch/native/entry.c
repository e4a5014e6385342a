/*
 * The native entry: runs in the compiled executable before Deno's runtime
 * starts.
 *
 * A container engine calls its OCI runtime four times for each container. Most
 * of these calls need only a few system calls, on a container that is known by
 * then. So `create` writes their compiled plans next to the container's state
 * (launch/ready_plans.ts defines them), and this code, at the executable's
 * entry point, carries them out. start, state, kill and delete then take less
 * time than Deno needs to start.
 *
 * This code decides nothing. If it does not know every word of the command
 * line, if the plan is missing, or if a step fails, Deno's runtime starts as if
 * this code did not exist, runs the whole command in JavaScript, and reports
 * errors. So a plan must be safe to abandon after any step, as if the process
 * had been killed.
 *
 * If the current directory has been deleted, it changes to / first.
 *
 * launch/native/pid_one.h is PID 1 of a container, launch/native/plain_run.h is
 * the parent of a plain run, launch/native/reuse.h runs a plan again,
 * launch/native/known_texts.h prints versions and help,
 * launch/native/own_words.h replaces words that the runtime cannot read,
 * launch/native/limits.h checks what the runtime needs, launch/native/interpreter.h
 * starts it.
 *
 * scripts/_entry.ts adds this code to the executable and fills in `entry`,
 * `plain` and `segments`.
 */

#include "walk.h"

/* Distance from here to the original entry point; filled in by the build. */
#define ENTRY_MARK 0x5452415453455254UL /* TRESTART */
/* Distance from here to the data of plain runs; 0 if there is none. */
#define PLAIN_MARK 0x4e55524e49414c50UL /* PLAINRUN */
/* Distance from here to the runtime's segments. */
#define SEGMENTS_MARK 0x53544e454d474553UL /* SEGMENTS */

struct start {
  i64 *stack;
  u64 exit_function; /* the dynamic loader wants it called at exit */
};

__attribute__((noreturn)) void jump(const i64 *stack, u64 exit_function, u64 to);

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n"
        "mov %rsp, %rdi\n mov %rdx, %rsi\n call enter\n hlt\n"
        ".globl jump\njump:\n"
        "mov %rdx, %rax\n mov %rdi, %rsp\n mov %rsi, %rdx\n xor %ebp, %ebp\n jmp *%rax\n"
        ".globl entry_of_runtime\nentry_of_runtime:\n"
        "lea _start(%rip), %rax\n add entry(%rip), %rax\n ret\n"
        ".globl segments_of_runtime\nsegments_of_runtime:\n"
        "lea _start(%rip), %rax\n add segments(%rip), %rax\n ret\n"
        ".globl plain_runs\nplain_runs:\n"
        "lea _start(%rip), %rax\n add plain(%rip), %rax\n ret\n"
        ".balign 8\nentry: .quad 0x5452415453455254\n"
        "plain: .quad 0x4e55524e49414c50\n"
        "segments: .quad 0x53544e454d474553\n");
#else
__asm__(".globl _start\n_start:\n"
        "mov x1, x0\n mov x0, sp\n bl enter\n"
        ".globl jump\njump:\n"
        "mov sp, x0\n mov x0, x1\n mov x29, xzr\n mov x30, xzr\n br x2\n"
        ".globl entry_of_runtime\nentry_of_runtime:\n"
        "adr x0, _start\n ldr x10, entry\n add x0, x0, x10\n ret\n"
        ".globl segments_of_runtime\nsegments_of_runtime:\n"
        "adr x0, _start\n ldr x10, segments\n add x0, x0, x10\n ret\n"
        ".globl plain_runs\nplain_runs:\n"
        "adr x0, _start\n ldr x10, plain\n add x0, x0, x10\n ret\n"
        ".balign 8\nentry: .quad 0x5452415453455254\n"
        "plain: .quad 0x4e55524e49414c50\n"
        "segments: .quad 0x53544e454d474553\n");
#endif

enum {
  ENOENT = 2, ESRCH = 3, EIO = 5, EAGAIN = 11, EACCES = 13, EBUSY = 16, EXDEV = 18, EINVAL = 22, EMFILE = 24, ENOSPC = 28, EPIPE = 32, ETIME = 62, ESTALE = 116,
  AT_FDCWD = -100, O_RDWR = 2, O_NONBLOCK = 04000, O_CLOEXEC = 02000000, O_PATH = 010000000,
#if defined(__x86_64__)
  O_DIRECTORY = 0200000, O_NOFOLLOW = 0400000,
#else
  O_DIRECTORY = 040000, O_NOFOLLOW = 0100000,
#endif
  O_TMPFILE = 020000000 | O_DIRECTORY,
  AT_EMPTY_PATH = 0x1000, AT_SYMLINK_NOFOLLOW = 0x100, STATX_BASIC = 0x7ff,
  S_IFMT = 0170000, S_IFREG = 0100000, S_IFDIR = 0040000, S_IFBLK = 0060000, WRITABLE_BY_OTHERS = 022,
  MFD_CLOEXEC = 1, MFD_ALLOW_SEALING = 2, MFD_EXEC = 0x10,
  F_SETFD = 2, F_DUPFD_CLOEXEC = 1030, F_ADD_SEALS = 1033,
  F_SEAL_SEAL = 1, F_SEAL_SHRINK = 2, F_SEAL_GROW = 4, F_SEAL_FUTURE_WRITE = 0x10,
  PROT_READ = 1, PROT_READ_WRITE = 3, MAP_SHARED = 1, MAP_FIXED_NOREPLACE = 0x100000,
  MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2, CLOSE_RANGE_CLOEXEC = 4,
  WNOHANG = 1, WUNTRACED = 2, MSG_DONTWAIT = 0x40, MSG_NOSIGNAL = 0x4000, TIOCSPGRP = 0x5410,
  /* The largest plan that is stored with a container's state. */
  MOST = 64 << 10, LAST_SIGNAL = 64, POLLIN = 1,
  /* The number of descriptors in the kernel's first table. */
  FIRST_TABLE = 64,
};

struct statx {
  u32 mask, blksize;
  u64 attributes;
  u32 nlink, uid, gid;
  u16 mode, pad;
  u64 ino, size, rest[10];
  u32 rdev_major, rdev_minor, dev_major, dev_minor;
  u64 more[14];
};

/* Stored in the plan's header: the code segment is read-only. */
static struct start *origin(void) { return (struct start *)&plan->unused[0]; }
/* What a failing step means: the runtime takes over, PID 1 gives up, or a run
 * is not plain. */
enum { AS_ENTRY = 0, AS_PID_ONE = 1, AS_PLAIN = 2 };
static volatile u64 *role(void) { return &plan->unused[3]; }

static void leave(u64 status) {
  syscall6(SYS_exit_group, status, 0, 0, 0, 0, 0);
  for (;;) __builtin_trap();
}

/* Returns the rest of a word after a prefix; 0 if the prefix differs. */
static const u8 *after(const u8 *word, const char *beginning) {
  while (*beginning)
    if (*word++ != (u8)*beginning++) return 0;
  return word;
}

#include "interpreter.h"
#include "own_words.h"

static void require_for_runtime(void);

/* The words of a process lie in one piece, up to the end of the auxiliary
 * vector. */
static u64 words_on_stack(const i64 *stack) {
  return (u64)((const i64 *)(find_auxiliary(auxiliary_of(stack), AT_NULL) + 1) - stack);
}

static void proceed(const i64 *stack, u64 exit_function) {
  require_for_runtime();
  u64 size = replacements_size(stack), count = size ? words_on_stack(stack) : 0;
  i64 room[count + 2], *copied = (i64 *)(((u64)room + 15) & ~15UL);
  i64 place = size ? syscall6(SYS_mmap, 0, size, PROT_READ_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, (u64)-1, 0) : 0;
  if (size && is_mapped(place)) {
    for (u64 i = 0; i < count; i++) ((volatile i64 *)copied)[i] = stack[i];
    replace_words(copied, (u8 *)place);
    stack = copied;
  }
  jump(stack, exit_function, next_entry(stack, exit_function));
}

static void fail_inside(u32 at, i32 error);
static void run_reused(const i64 *stack, u64 exit_function);

static void fail(u32 at, i32 error) {
  if (*role() == AS_PID_ONE) fail_inside(at, error);
  struct start start = *origin();
  u64 as = *role();
  /* Close what the steps have opened, locks included. */
  for (u32 i = 1; i < SLOTS; i++)
    if (plan->slot[i] > 2) syscall6(SYS_close, (u64)plan->slot[i], 0, 0, 0, 0, 0);
  syscall6(SYS_munmap, BASE, plan->unused[2], 0, 0, 0, 0);
  if (as == AS_PLAIN) run_reused(start.stack, start.exit_function);
  proceed(start.stack, start.exit_function);
}

#include "operations.h"

static i32 equal(const u8 *word, const char *other) {
  while (*word && *word == (u8)*other) word++, other++;
  return !*word && !*other;
}

/* A signal by number, or one of the two names that engines use; 0 for any
 * other. */
static u64 signal_of(const u8 *word) {
  if (equal(word, "TERM") || equal(word, "SIGTERM")) return SIGTERM;
  if (equal(word, "KILL") || equal(word, "SIGKILL")) return SIGKILL;
  const u8 *end = word;
  u64 value = number(&end);
  return *end || end - word > 2 || value > LAST_SIGNAL ? 0 : value;
}

/* A parsed command line. */
struct request {
  const u8 *root, *command, *id;
  u64 signal;
};

static i32 is_format(const u8 *word) { return equal(word, "text") || equal(word, "json"); }

static i32 understand(const u8 **word, struct request *request) {
  for (; *word && **word == '-'; word++) {
    const u8 *value = after(*word, "--root=");
    if (value) request->root = value;
    else if (equal(*word, "--root")) {
      if (!(request->root = *++word)) return 0;
    } else if (equal(*word, "--log")) {
      if (!*++word || !**word) return 0;
    } else if (equal(*word, "--log-format")) {
      if (!*++word || !is_format(*word)) return 0;
    } else if ((value = after(*word, "--log-format="))) {
      if (!is_format(value)) return 0;
    } else if ((value = after(*word, "--log="))) {
      if (!*value) return 0;
    } else if (!equal(*word, "--systemd-cgroup"))
      return 0;
  }
  const u8 *command = *word;
  if (!command) return 0;
  word++;
  i32 kill = equal(command, "kill"), delete = equal(command, "delete");
  if (!kill && !delete && !equal(command, "start") && !equal(command, "state")) return 0;
  request->command = command;
  if (delete && *word && (equal(*word, "--force") || equal(*word, "-f"))) {
    request->command = (const u8 *)"delete-force";
    word++;
  }
  const u8 *id = *word;
  if (!id) return 0;
  word++;
  /* Only letters, digits, _ + - and . because it becomes part of a path. */
  if (*id == '-' || equal(id, ".") || equal(id, "..")) return 0;
  for (const u8 *c = id; *c; c++)
    if (!((*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
          *c == '_' || *c == '+' || *c == '-' || *c == '.'))
      return 0;
  request->signal = SIGTERM;
  if (kill && *word) {
    if (!(request->signal = signal_of(*word))) return 0;
    word++;
  }
  request->id = id;
  return *id && !*word;
}

static i32 append(u8 *path, u32 *at, const u8 *text) {
  for (; *text; text++) {
    if (*at >= 4000) return 0;
    path[(*at)++] = *text;
  }
  path[*at] = 0;
  return 1;
}

/* A plan is trusted like the executable itself: nobody else may have written to
 * the file. The mapping is private, since carrying out the plan writes to it. */
static i64 map_plan(const u8 *path) {
  i64 fd = syscall6(SYS_openat, (u64)AT_FDCWD, (u64)path, O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0, 0, 0);
  if (fd < 0) return 0;
  struct statx file;
  i64 size = 0;
  if (!syscall6(SYS_statx, (u64)fd, (u64) "", AT_EMPTY_PATH, STATX_BASIC, (u64)&file, 0) &&
      (file.mode & S_IFMT) == S_IFREG && !(file.mode & WRITABLE_BY_OTHERS) &&
      file.uid == (u32)syscall6(SYS_geteuid, 0, 0, 0, 0, 0, 0) &&
      file.size >= sizeof(struct plan) && file.size <= MOST) {
    /* PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED_NOREPLACE */
    i64 place = syscall6(SYS_mmap, BASE, file.size, 3, 0x100002, (u64)fd, 0);
    if (place == (i64)BASE) size = (i64)file.size;
  }
  syscall6(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
  return size;
}

static i32 is_sound(u64 size) {
  return plan->magic == PLAN_MAGIC && plan->version == PLAN_VERSION && plan->size <= size &&
         plan->size >= sizeof(struct plan) &&
         plan->count <= (plan->size - sizeof(struct plan)) / sizeof(struct step);
}

#include "limits.h"
#include "processes.h"
#include "pid_one.h"
#include "guards.h"
#include "plain_relay.h"
#include "plain_words.h"
#include "plain_run.h"
#include "reuse.h"
#include "known_texts.h"

/* Deno's runtime panics in a deleted directory. No relative path leads anywhere
 * from there, so / serves as well. */
static void stay_somewhere(void) {
  static const char say[] = "container: The current directory has been deleted: going on in /.\n";
  u8 path[4096];
  i64 length = syscall6(SYS_getcwd, (u64)path, sizeof path, 0, 0, 0, 0);
  if (length > 0 ? *path == '/' : length != -ENOENT) return;
  syscall6(SYS_write, 2, (u64)say, sizeof say - 1, 0, 0, 0);
  syscall6(SYS_chdir, (u64) "/", 0, 0, 0, 0, 0);
}

/* If the caller ignores SIGCHLD, the kernel would reap the children that this
 * code, the runtime and their children wait for. */
static void keep_children(void) {
  u64 action[4] = {0};
  syscall6(SYS_rt_sigaction, SIGCHLD, (u64)action, 0, 8, 0, 0);
}

/* A small stack has room for `enter`, but not for this. */
__attribute__((noinline)) static void serve(i64 *stack, u64 exit_function) {
  struct request request = {0};
  u8 path[4096];
  u32 at = 0;
  keep_children();
  if (is_secure(stack)) goto runtime;
  if (stack[0] > 2 && equal((const u8 *)stack[2], "run")) {
    stay_somewhere();
    run_plain(stack, exit_function);
    run_reused(stack, exit_function);
  }
  if (stack[0] > 1 && equal((const u8 *)stack[2], "child")) be_pid_one();
  if (stack[0] < 3 || !understand((const u8 **)&stack[2], &request)) goto runtime;
  if (!request.root) {
    if (syscall6(SYS_geteuid, 0, 0, 0, 0, 0, 0)) goto runtime;
    request.root = (const u8 *)"/run/container/containers";
  }
  if (!append(path, &at, request.root) || !append(path, &at, (const u8 *)"/") ||
      !append(path, &at, request.id) || !append(path, &at, (const u8 *)"/") ||
      !append(path, &at, request.command) || !append(path, &at, (const u8 *)".plan"))
    goto runtime;
  i64 size = map_plan(path);
  if (!size) goto runtime;
  *origin() = (struct start){stack, exit_function};
  plan->unused[2] = (u64)size;
  if (!is_sound((u64)size)) fail(0, ENOEXEC);
  /* The only word of the command line that a plan cannot know. */
  plan->slot[0] = (i64)request.signal;
  carry_out();
  /* Every plan ends with an exit. */
  fail(plan->count, ENOEXEC);
runtime:
  stay_somewhere();
  proceed(stack, exit_function);
}

__attribute__((used)) void enter(i64 *stack, u64 exit_function) {
  if (!is_secure(stack)) print_known_text(stack);
  require(OF_NATIVE_CODE, sizeof OF_NATIVE_CODE / sizeof *OF_NATIVE_CODE);
  serve(stack, exit_function);
}

/*
 * The walker: carries out a compiled plan, an array of system calls.
 *
 * It is the program between Deno and the user's command. JavaScript cannot run
 * between fork and execve, and a process that shares Deno's memory must never
 * enter a container; this one shares a single page range with its parent, the
 * plan, until its execve drops even that. No libc, no heap, no loops but the
 * walk itself: steps only ever lead forward, so it ends or blocks in a call
 * that the plan names.
 *
 *   walker FD      FD is the plan, a shared memory file (launch/bytecode/encode.ts
 *                  writes it and describes the layout)
 *
 * Exit status 125: the plan is malformed, or the step `at` failed with `error`;
 * both can be read in the plan.
 */

#include "walk.h"

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n"
        "xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call walk\n hlt\n");
#else
__asm__(".globl _start\n_start:\n"
        "mov x29, xzr\n mov x30, xzr\n mov x0, sp\n bl walk\n");
#endif

static void leave(u64 status) {
  syscall6(SYS_exit_group, status, 0, 0, 0, 0, 0);
  /* Only a seccomp filter of the user's can bring it here. */
  for (;;) __builtin_trap();
}

enum { REPORT_SIZE = 64 };

static void fail(u32 at, i32 error) {
  plan->at = at;
  plan->error = error;
  plan->state = FAILED;
  /* Whoever starts what waited here does not have the plan. */
  u32 to = (u32)plan->unused[0], from = (u32)(plan->unused[0] >> 32);
  if (to && at >= from) syscall6(SYS_write, to, BASE, REPORT_SIZE, 0, 0, 0);
  leave(125);
}

static i64 extra(volatile struct step *s, const u64 *a, u32 at) {
  (void)s, (void)a;
  fail(at, ENOEXEC);
  return 0;
}

static void open_plan(i64 *stack) {
  u64 fd = 0;
  const u8 *word = stack[0] == 2 ? (const u8 *)stack[2] : (const u8 *)"";
  if (!*word) leave(125);
  for (; *word; word++) {
    if (*word < '0' || *word > '9' || fd > 1000000) leave(125);
    fd = fd * 10 + (*word - '0');
  }
  i64 size = syscall6(SYS_lseek, fd, 0, 2, 0, 0, 0);
  if (size < (i64)sizeof(struct plan) || size > (i64)LIMIT) leave(125);
  /* PROT_READ|PROT_WRITE, MAP_SHARED|MAP_FIXED_NOREPLACE */
  if (syscall6(SYS_mmap, BASE, (u64)size, 3, 0x100001, fd, 0) != (i64)BASE) leave(125);
  syscall6(SYS_close, fd, 0, 0, 0, 0, 0);
  if (plan->magic != MAGIC || plan->version != VERSION || plan->size > (u64)size) leave(125);
  if (plan->size < sizeof(struct plan) ||
      plan->count > (plan->size - sizeof(struct plan)) / sizeof(struct step)) leave(125);
}

__attribute__((used)) void walk(i64 *stack) {
  open_plan(stack);
  /* Executed by a step of the plan: it goes on behind that one. */
  carry_out_from(plan->state == WALKING ? plan->at + 1 : 0);
}

/*
 * The walker: carries out a compiled plan, which is an array of system calls.
 *
 * It runs between Deno and the user's command. JavaScript cannot run between
 * fork and execve, and a process that shares Deno's memory must never enter a
 * container. The walker shares only the plan's pages with its parent, and its
 * execve drops even those. It has no libc and no heap. Steps only lead forward,
 * so it ends, or it blocks in a call that the plan names.
 *
 *   walker FD      FD is the plan, a shared memory file. launch/bytecode/encode.ts
 *                  writes it, launch/bytecode/layout.ts describes it.
 *
 * Exit status 125: the plan is malformed, or step `at` failed with `error`.
 * Both fields are in the plan's header.
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
  /* Reached only if a seccomp filter of the user blocks exit_group(2). */
  for (;;) __builtin_trap();
}

static void fail(u32 at, i32 error) {
  plan->at = at;
  plan->error = error;
  plan->state = STATE_FAILED;
  /* The command that starts the waiting container has no access to the plan. */
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
  if (plan->magic != PLAN_MAGIC || plan->version != PLAN_VERSION || plan->size > (u64)size) leave(125);
  if (plan->size < sizeof(struct plan) ||
      plan->count > (plan->size - sizeof(struct plan)) / sizeof(struct step)) leave(125);
}

__attribute__((used)) void walk(i64 *stack) {
  open_plan(stack);
  /* If a step of the plan executed this program, continue after that step. */
  carry_out_from(plan->state == STATE_WALKING ? plan->at + 1 : 0);
  /* Every plan ends with an execve. */
  fail(plan->count, ENOEXEC);
}

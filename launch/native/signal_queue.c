/*
 * A signal handler that writes the number of the signal into a pipe, so that
 * the parent reads its signals in the order in which they came, and real-time
 * signals too. launch/attend/signal_queue.ts maps it into the parent.
 *
 * The file has no loader: its bytes are mapped as they are. The header comes
 * first; TypeScript fills in the destination before it maps the bytes.
 */

#include "calls.h"
#include "constants.h"

/* Offset 0: returns from a handler, sigaction(2) SA_RESTORER. On aarch64 the
 * kernel has its own. Offset 12: the descriptor of the pipe. Offset 16: the
 * handler. */
#if defined(__x86_64__)
__asm__(".section .text.unlikely,\"ax\"\n"
        "mov $15, %eax\n syscall\n .org 12\n"
        ".hidden destination\n .globl destination\n destination: .long -1\n"
        "jmp handle\n .text\n");
#else
__asm__(".section .text.unlikely,\"ax\"\n"
        "mov x8, #139\n svc #0\n .org 12\n"
        ".hidden destination\n .globl destination\n destination: .long -1\n"
        "b handle\n .text\n");
#endif

extern const i32 destination __attribute__((visibility("hidden")));

static void send_to_self(u64 own, i32 signal) { syscall6(SYS_kill, own, (u64)signal, 0, 0, 0, 0); }

/* Takes the default action for a fault of this process. The signal is blocked
 * until the handler returns. */
static void fail(u64 own, i32 signal) {
  u64 action[4] = {0, 0, 0, 0};
  syscall6(SYS_rt_sigaction, (u64)signal, (u64)action, 0, 8, 0, 0);
  send_to_self(own, signal);
}

__attribute__((used)) void handle(i32 signal, const struct siginfo *info) {
  u64 own = (u64)syscall6(SYS_getpid, 0, 0, 0, 0, 0, 0);
  u8 byte = (u8)signal;
  if (info->code > 0) {
    switch (signal) {
    /* The terminal stops a job that uses it in the background. */
    case SIGTTIN:
    case SIGTTOU: send_to_self(own, SIGSTOP); return;
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGTRAP:
    case SIGSYS: fail(own, signal); return;
    }
  } else if (info->pid == (i32)own) {
    /* Not from another process: a write beyond RLIMIT_FSIZE, or abort(3). */
    return;
  }
  syscall6(SYS_write, (u64)destination, (u64)&byte, 1, 0, 0, 0);
}

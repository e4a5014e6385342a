/* Types and system calls for programs without a libc. syscall(2) */

#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef short i16;
typedef unsigned int u32;
typedef int i32;
typedef unsigned long u64;
typedef long i64;

#if defined(__x86_64__)
enum {
  SYS_read = 0, SYS_write = 1, SYS_close = 3, SYS_lseek = 8, SYS_mmap = 9,
  SYS_munmap = 11, SYS_ioctl = 16, SYS_mremap = 25, SYS_pread64 = 17, SYS_pwrite64 = 18, SYS_madvise = 28,
  SYS_rt_sigaction = 13, SYS_rt_sigprocmask = 14, SYS_nanosleep = 35, SYS_getpid = 39,
  SYS_socket = 41, SYS_sendto = 44, SYS_recvfrom = 45, SYS_sendmsg = 46, SYS_recvmsg = 47, SYS_bind = 49,
  SYS_listen = 50, SYS_socketpair = 53, SYS_clone = 56, SYS_execve = 59,
  SYS_wait4 = 61, SYS_kill = 62, SYS_fcntl = 72, SYS_fsync = 74,
  SYS_ftruncate = 77, SYS_getcwd = 79, SYS_chdir = 80, SYS_umask = 95,
  SYS_getuid = 102, SYS_getgid = 104, SYS_geteuid = 107, SYS_getegid = 108, SYS_readlinkat = 267, SYS_getppid = 110, SYS_setsid = 112, SYS_getpgid = 121,
  SYS_capget = 125, SYS_fstatfs = 138, SYS_rt_sigtimedwait = 128, SYS_prctl = 157, SYS_getdents64 = 217, SYS_clock_gettime = 228,
  SYS_exit_group = 231, SYS_openat = 257, SYS_unlinkat = 263,
  SYS_renameat = 264, SYS_ppoll = 271, SYS_setns = 308, SYS_kcmp = 312, SYS_accept4 = 288, SYS_dup3 = 292,
  SYS_pipe2 = 293, SYS_memfd_create = 319, SYS_execveat = 322, SYS_statx = 332,
  SYS_connect = 42, SYS_shutdown = 48, SYS_getsockname = 51, SYS_setsockopt = 54, SYS_getsockopt = 55, SYS_capset = 126,
  SYS_epoll_ctl = 233, SYS_splice = 275, SYS_epoll_pwait = 281, SYS_epoll_create1 = 291, SYS_prlimit64 = 302,
};

static i64 syscall6(i64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) {
  i64 result;
  register u64 r10 __asm__("r10") = d;
  register u64 r8 __asm__("r8") = e;
  register u64 r9 __asm__("r9") = f;
  __asm__ volatile("syscall" : "=a"(result)
                   : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
enum {
  SYS_read = 63, SYS_write = 64, SYS_close = 57, SYS_lseek = 62, SYS_mmap = 222,
  SYS_munmap = 215, SYS_ioctl = 29, SYS_mremap = 216, SYS_pread64 = 67, SYS_pwrite64 = 68, SYS_madvise = 233,
  SYS_rt_sigaction = 134, SYS_rt_sigprocmask = 135, SYS_nanosleep = 101, SYS_getpid = 172,
  SYS_socket = 198, SYS_sendto = 206, SYS_recvfrom = 207, SYS_sendmsg = 211, SYS_recvmsg = 212, SYS_bind = 200,
  SYS_listen = 201, SYS_socketpair = 199, SYS_clone = 220, SYS_execve = 221,
  SYS_wait4 = 260, SYS_kill = 129, SYS_fcntl = 25, SYS_fsync = 82,
  SYS_getcwd = 17, SYS_ftruncate = 46, SYS_chdir = 49, SYS_umask = 166,
  SYS_getuid = 174, SYS_getgid = 176, SYS_geteuid = 175, SYS_getegid = 177, SYS_readlinkat = 78, SYS_getppid = 173, SYS_kcmp = 272, SYS_setsid = 157, SYS_getpgid = 155,
  SYS_capget = 90, SYS_fstatfs = 44, SYS_rt_sigtimedwait = 137, SYS_prctl = 167, SYS_getdents64 = 61, SYS_clock_gettime = 113,
  SYS_exit_group = 94, SYS_openat = 56, SYS_unlinkat = 35, SYS_renameat = 38,
  SYS_ppoll = 73, SYS_setns = 268, SYS_accept4 = 242, SYS_dup3 = 24, SYS_pipe2 = 59,
  SYS_memfd_create = 279, SYS_execveat = 281, SYS_statx = 291,
  SYS_connect = 203, SYS_shutdown = 210, SYS_getsockname = 204, SYS_setsockopt = 208, SYS_getsockopt = 209, SYS_capset = 91,
  SYS_epoll_ctl = 21, SYS_splice = 76, SYS_epoll_pwait = 22, SYS_epoll_create1 = 20, SYS_prlimit64 = 261,
};

static i64 syscall6(i64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) {
  register i64 x8 __asm__("x8") = nr;
  register u64 x0 __asm__("x0") = a;
  register u64 x1 __asm__("x1") = b;
  register u64 x2 __asm__("x2") = c;
  register u64 x3 __asm__("x3") = d;
  register u64 x4 __asm__("x4") = e;
  register u64 x5 __asm__("x5") = f;
  __asm__ volatile("svc #0" : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                   : "memory");
  return (i64)x0;
}
#else
#error "no system calls for this architecture yet"
#endif

/* siginfo_t, sigaction(2); pid is the sender if code is SI_USER or SI_QUEUE.
 * The kernel sends its own signals with a positive code. */
enum { SI_QUEUE = -1 };
struct siginfo {
  i32 signal, error, code, unused, pid, rest[27];
};

/* The same numbers on every architecture. */
enum {
  SYS_pidfd_send_signal = 424, SYS_pidfd_open = 434, SYS_close_range = 436, SYS_openat2 = 437,
  SYS_faccessat2 = 439,
};

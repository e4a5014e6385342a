/* System calls, structures and memory functions of the resolver. */

#pragma once

#include "../../../launch/native/calls.h"

#if defined(__x86_64__)
enum { SYS_flock = 73, SYS_seccomp = 317, SYS_getrandom = 318 };
#define AUDIT_ARCH 0xc000003eu
#else
enum { SYS_flock = 32, SYS_seccomp = 277, SYS_getrandom = 278 };
#define AUDIT_ARCH 0xc00000b7u
#endif

static i64 call(i64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) {
  return syscall6(nr, a, b, c, d, e, f);
}

enum { EINTR = 4, EAGAIN = 11, ENOENT = 2, ENOMEM = 12, EEXIST = 17, EINVAL = 22, ENOSPC = 28, EINPROGRESS = 115 };
enum { AF_INET = 2, AF_INET6 = 10, SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_NONBLOCK = 04000, SOCK_CLOEXEC = 02000000 };
enum { MSG_DONTWAIT = 0x40, MSG_NOSIGNAL = 0x4000, MSG_CMSG_CLOEXEC = 0x40000000 };
enum { EPOLLIN = 1, EPOLLOUT = 4, EPOLLERR = 8, EPOLLHUP = 16 };
enum { EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL = 2, EPOLL_CTL_MOD = 3 };

struct iovec { void *base; u64 length; };
struct msghdr { void *name; u64 name_length; struct iovec *iov; u64 iovlen; void *control; u64 control_length; i64 flags; };
struct timespec { i64 seconds, nanoseconds; };

#if defined(__x86_64__)
struct event { u32 events; u64 data; } __attribute__((packed));
#else
struct event { u32 events; u64 data; };
#endif

/* gcc calls these by name. The barrier keeps it from making a loop of calls. */
#define BARRIER __asm__ volatile("" ::: "memory")

void *memcpy(void *to, const void *from, u64 length) {
  u8 *a = to;
  const u8 *b = from;
  while (length--) {
    *a++ = *b++;
    BARRIER;
  }
  return to;
}

void *memset(void *to, i32 value, u64 length) {
  u8 *a = to;
  while (length--) {
    *a++ = (u8)value;
    BARRIER;
  }
  return to;
}

i32 memcmp(const void *one, const void *other, u64 length) {
  const u8 *a = one, *b = other;
  for (; length--; a++, b++) {
    if (*a != *b) return *a - *b;
    BARRIER;
  }
  return 0;
}

static u16 get16(const u8 *at) { u16 value; memcpy(&value, at, 2); return value; }
static u32 get32(const u8 *at) { u32 value; memcpy(&value, at, 4); return value; }
static u64 get64(const u8 *at) { u64 value; memcpy(&value, at, 8); return value; }

/* Numbers in network order. */
static u16 net16(const u8 *at) { return (u16)(at[0] << 8 | at[1]); }
static u32 net32(const u8 *at) { return (u32)net16(at) << 16 | net16(at + 2); }
static void put16(u8 *at, u32 value) { at[0] = (u8)(value >> 8); at[1] = (u8)value; }
static void put32(u8 *at, u32 value) { put16(at, value >> 16); put16(at + 2, value); }

static void leave(u64 status) {
  call(SYS_exit_group, status, 0, 0, 0, 0, 0);
  for (;;) __builtin_trap();
}

/* Milliseconds since some time, clock_gettime(2) CLOCK_MONOTONIC. */
static u64 now(void) {
  struct timespec time = {0, 0};
  call(SYS_clock_gettime, 1, (u64)&time, 0, 0, 0, 0);
  return (u64)time.seconds * 1000 + (u64)time.nanoseconds / 1000000;
}

static u16 random16(void) {
  static u8 pool[256];
  static u32 left;
  if (left < 2) {
    if (call(SYS_getrandom, (u64)pool, sizeof pool, 0, 0, 0, 0) != sizeof pool) leave(1);
    left = sizeof pool;
  }
  left -= 2;
  return get16(pool + left);
}

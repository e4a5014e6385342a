/*
 * What the resolver cannot do from its start on, whatever a packet does to it:
 * open a file, start a program, or make any socket but those of IP.
 */

#pragma once

#include "own_calls.h"

struct instruction { u16 code; u8 yes, no; u32 value; };
struct program { u16 length; const struct instruction *code; };

enum { LOAD = 0x20, EQUALS = 0x15, RETURN = 0x06 };
#define KILL 0x80000000u
#define ALLOW 0x7fff0000u
#define PERMIT(nr) {EQUALS, 0, 1, nr}, {RETURN, 0, 0, ALLOW}

static i32 confine(void) {
  static const struct instruction code[] = {
    {LOAD, 0, 0, 4}, {EQUALS, 1, 0, AUDIT_ARCH}, {RETURN, 0, 0, KILL},
    {LOAD, 0, 0, 0},
    PERMIT(SYS_epoll_pwait), PERMIT(SYS_recvfrom), PERMIT(SYS_sendto), PERMIT(SYS_epoll_ctl),
    PERMIT(SYS_clock_gettime), PERMIT(SYS_close), PERMIT(SYS_connect), PERMIT(SYS_accept4),
    PERMIT(SYS_recvmsg), PERMIT(SYS_getrandom), PERMIT(SYS_madvise), PERMIT(SYS_munmap),
    PERMIT(SYS_flock), PERMIT(SYS_unlinkat), PERMIT(SYS_exit_group),
    {EQUALS, 0, 4, SYS_socket},
    {LOAD, 0, 0, 16}, {EQUALS, 1, 0, AF_INET}, {EQUALS, 0, 1, AF_INET6}, {RETURN, 0, 0, ALLOW},
    {EQUALS, 0, 3, SYS_mmap},
    {LOAD, 0, 0, 32}, {EQUALS, 0, 1, 3 /* PROT_READ, PROT_WRITE */}, {RETURN, 0, 0, ALLOW},
    {RETURN, 0, 0, KILL},
  };
  static const struct program program = {sizeof code / sizeof *code, code};
  /* Only CAP_NET_ADMIN, to feed the sets of the firewall. */
  static const u32 version[2] = {0x20080522, 0};
  static const u32 capabilities[6] = {1u << 12, 1u << 12, 0, 0, 0, 0};
  call(SYS_capset, (u64)version, (u64)capabilities, 0, 0, 0, 0);
  if (call(SYS_prctl, 38 /* PR_SET_NO_NEW_PRIVS */, 1, 0, 0, 0, 0) < 0) return 0;
  return call(SYS_seccomp, 1, 0, (u64)&program, 0, 0, 0) >= 0;
}

/*
 * The helper that works on the files of a sandbox. It has joined the user,
 * mount and network namespaces of the sandbox, so its root directory and its
 * sockets are the sandbox's, and it has the user, the rights and the filter of a
 * command there. It has not
 * joined the PID namespace: no process inside can see or signal it.
 *
 *   container-files    standard input is a socket of messages to the program
 *                      that uses the library
 *
 * It knows nothing about files. A request is a list of system calls with their
 * data (launch/files_layout.ts); it makes them in order until one fails, and
 * answers with the results. One result can be a descriptor, which it sends. It
 * keeps no descriptor from one request to the next. It has no libc and no heap,
 * and ends with the socket.
 */

#include "calls.h"
#include "constants.h"

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n"
        "xor %ebp, %ebp\n and $-16, %rsp\n call serve\n hlt\n");
#else
__asm__(".globl _start\n_start:\n"
        "mov x29, xzr\n mov x30, xzr\n bl serve\n");
#endif

enum { EINTR = 4, EPROTO = 71 };
enum { PR_SET_DUMPABLE = 4, MSG_NOSIGNAL = 0x4000, MSG_CMSG_CLOEXEC = 0x40000000 };
enum { SOL_SOCKET = 1, SCM_RIGHTS = 1, RIGHTS_SIZE = 20 };

struct call {
  i32 nr;
  u8 kind[ARGUMENTS];
  u8 flags, unused[5];
  u64 arg[ARGUMENTS];
  i64 result;
};

struct request {
  u32 calls, answer, send, more;
  struct call call[];
};

_Static_assert(sizeof(struct request) == REQUEST_SIZE, "launch/files_layout.ts");
_Static_assert(sizeof(struct call) == FILE_CALL_SIZE, "launch/files_layout.ts");

struct iovec { void *base; u64 length; };
struct rights { u64 length; i32 level, type, fd, unused; };
struct msghdr { void *name; u64 name_length; struct iovec *iov; u64 iovlen; void *control; u64 control_length; i64 flags; };

/* A path may end at the last byte, so one more stays 0. */
static u8 room[FILES_ROOM + 8] __attribute__((aligned(8)));
static struct request *const request = (struct request *)room;
static i32 received;

static void leave(u64 status) {
  syscall6(SYS_exit_group, status, 0, 0, 0, 0, 0);
  for (;;) __builtin_trap();
}

static i64 make(const struct call *call, u32 index) {
  u64 a[ARGUMENTS];
  for (u32 i = 0; i < ARGUMENTS; i++) {
    a[i] = call->arg[i];
    if (call->kind[i] == ARGUMENT_IS_PLACE) {
      if (a[i] >= FILES_ROOM) return -EPROTO;
      a[i] += (u64)room;
    } else if (call->kind[i] == ARGUMENT_IS_RESULT) {
      if (a[i] >= index) return -EPROTO;
      a[i] = (u64)request->call[a[i]].result;
    } else if (call->kind[i] == ARGUMENT_IS_RECEIVED) a[i] = (u64)received;
  }
  if (call->nr == CHECK_WORD) return (*(u32 *)a[0] & (u32)a[1]) == (u32)a[2] ? 0 : -(i64)a[3];
  i64 result;
  do result = syscall6(call->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
  while (result == -EINTR);
  return result;
}

static void answer(u64 length) {
  struct iovec part = {room, length};
  struct rights rights = {RIGHTS_SIZE, SOL_SOCKET, SCM_RIGHTS, -1, 0};
  struct msghdr message = {0, 0, &part, 1, 0, 0, 0};
  if (request->send < request->calls && request->call[request->send].result >= 0) {
    rights.fd = (i32)request->call[request->send].result;
    message.control = &rights;
    message.control_length = sizeof rights;
  }
  i64 sent;
  do sent = syscall6(SYS_sendmsg, 0, (u64)&message, MSG_NOSIGNAL, 0, 0, 0);
  while (sent == -EINTR);
  if (sent < 0) leave(1);
}

static void carry_out(u64 size) {
  if (size < sizeof *request || request->calls > (size - sizeof *request) / sizeof(struct call)) leave(125);
  u32 done = 0;
  for (; done < request->calls; done++) {
    struct call *call = &request->call[done];
    call->result = make(call, done);
    if (call->result < 0 && call->result >= -4095 && !(call->flags & FILE_CALL_FLAG_MAY_FAIL)) break;
  }
  /* What was not reached has the result that the parent wrote there. */
  u64 length = request->answer;
  if (request->more < done && request->call[request->more].result > 0)
    length += (u64)request->call[request->more].result;
  answer(length < FILES_ROOM ? length : FILES_ROOM);
  syscall6(SYS_close_range, 1, ~0u, 0, 0, 0, 0);
}

__attribute__((used)) void serve(void) {
  /* Other processes of this user on the host may not trace it. */
  syscall6(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0, 0);
  for (;;) {
    struct iovec part = {room, FILES_ROOM};
    struct rights rights = {0, 0, 0, -1, 0};
    struct msghdr message = {0, 0, &part, 1, &rights, sizeof rights, 0};
    i64 size = syscall6(SYS_recvmsg, 0, (u64)&message, MSG_CMSG_CLOEXEC, 0, 0, 0);
    if (size == -EINTR) continue;
    if (size <= 0) leave(0);
    received = rights.length == RIGHTS_SIZE && rights.type == SCM_RIGHTS ? rights.fd : -1;
    room[size] = 0;
    carry_out((u64)size);
  }
}

/*
 * The resolver: the DNS server of all containers of a user. It answers with the
 * names and addresses of their networks, and asks the host's servers for the
 * rest. It has no libc and no heap. It runs in the host's network namespace,
 * with sockets that were made in those of the containers: so the socket tells
 * which container asks, nobody else can reach it, and a flood fills only the
 * socket of its container.
 *
 *   container-resolver PATH
 *
 * Descriptor 3 is the listening socket at PATH, 4 the lock of its directory, 5
 * an epoll(7). A client connects, sends one message that registers a container
 * (network/dns/registration.ts) with the descriptors of its first process and
 * its sockets, and gets a number: 0 or an error. The resolver forgets a
 * container when its first process ends. With the last container it ends too,
 * unless a command holds the lock.
 */

#include "stream.h"
#include "confine.h"

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n"
        "xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call serve\n hlt\n");
#else
__asm__(".globl _start\n_start:\n"
        "mov x29, xzr\n mov x30, xzr\n mov x0, sp\n bl serve\n");
#endif

static void remove_container(u32 index) {
  struct container *c = &containers[index];
  end_forwards_of(index);
  end_streams_of(index);
  forget(index);
  shut(&c->process);
  shut(&c->udp);
  shut(&c->tcp);
  shut(&c->filter);
  call(SYS_munmap, (u64)c->message, MESSAGE, 0, 0, 0, 0);
  c->active = 0;
  container_count--;
}

/* Takes the place of an older registration; or a new place. */
static i32 add_container(u8 *message, u32 size, const i32 fds[4], u32 count) {
  struct container read = {0};
  if (!read_registration(&read, message, size)) return EINVAL;
  if (count != (read.flags & FILTERS ? 4u : 3u)) return EINVAL;
  u32 index = CONTAINERS;
  for (u32 i = 0; i < highest; i++) {
    if (containers[i].active && same_id(containers[i].message, message)) remove_container(i);
  }
  for (u32 i = 0; i < CONTAINERS && index == CONTAINERS; i++) {
    if (!containers[i].active) index = i;
  }
  if (index == CONTAINERS) return ENOSPC;
  struct container *c = &containers[index];
  read.generation = (u16)(c->generation + 1);
  *c = read;
  i32 error = announce(index);
  if (error) {
    forget(index);
    return error;
  }
  c->process = fds[0];
  c->udp = fds[1];
  c->tcp = fds[2];
  c->filter = count > 3 ? fds[3] : -1;
  c->active = 1;
  container_count++;
  if (index >= highest) highest = index + 1;
  if (await(EPOLL_CTL_ADD, c->process, EPOLLIN, tag(ON_PROCESS, c->generation, index)) < 0 ||
      await(EPOLL_CTL_ADD, c->udp, EPOLLIN, tag(ON_UDP, c->generation, index)) < 0 ||
      await(EPOLL_CTL_ADD, c->tcp, EPOLLIN, tag(ON_TCP, c->generation, index)) < 0) {
    /* The caller closes the descriptors. */
    c->process = c->udp = c->tcp = c->filter = -1;
    remove_container(index);
    return ENOSPC;
  }
  return 0;
}

/* One message of a client. */
static void register_container(i32 client) {
  u8 *message = (u8 *)call(SYS_mmap, 0, MESSAGE, 3, 0x22 /* MAP_PRIVATE, MAP_ANONYMOUS */, (u64)-1, 0);
  u64 control[8] = {0};
  i32 fds[4];
  u32 count = 0;
  u32 answer = ENOMEM;
  if ((u64)message < (u64)-4095) {
    struct iovec part = {message, MESSAGE};
    struct msghdr header = {0, 0, &part, 1, control, sizeof control, 0};
    i64 got = call(SYS_recvmsg, (u64)client, (u64)&header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, 0, 0, 0);
    /* cmsg_len, cmsg_level SOL_SOCKET, cmsg_type SCM_RIGHTS, and the descriptors. */
    if (got > 0 && header.control_length >= 20 && control[1] == 0x100000001ul) {
      while (count < 4 && 20 + 4 * count <= control[0]) {
        fds[count] = (i32)get32((u8 *)control + 16 + 4 * count);
        count++;
      }
    }
    answer = got > 0 ? (u32)add_container(message, (u32)got, fds, count) : EINVAL;
    if (answer) {
      while (count) call(SYS_close, (u64)fds[--count], 0, 0, 0, 0, 0);
      call(SYS_munmap, (u64)message, MESSAGE, 0, 0, 0, 0);
    }
  }
  call(SYS_sendto, (u64)client, (u64)&answer, 4, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
  shut(&client);
}

static void handle(u32 events, u64 data) {
  u32 kind = (u32)(data >> 48), index = (u32)data;
  u16 generation = (u16)(data >> 32);
  if (kind == ON_CONTROL) {
    i32 client = (i32)call(SYS_accept4, CONTROL, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC, 0, 0);
    if (client >= 0) await(EPOLL_CTL_ADD, client, EPOLLIN, tag(ON_REQUEST, 0, (u64)client));
  } else if (kind == ON_REQUEST) {
    register_container((i32)index);
  } else if (kind == ON_FORWARD) {
    if (forwards[index].active && forwards[index].generation == generation) finish_forward(&forwards[index]);
  } else if (kind == ON_STREAM || kind == ON_UPSTREAM) {
    struct stream *s = &streams[index];
    if (!s->state || s->generation != generation) return;
    if (kind == ON_STREAM) serve_stream(s, events);
    else if (s->upstream >= 0) serve_upstream(s);
  } else {
    const struct container *c = &containers[index];
    if (!c->active || c->generation != generation) return;
    if (kind == ON_PROCESS) remove_container(index);
    else if (kind == ON_UDP) serve_udp(index);
    else accept_stream(index);
  }
}

/* Ends what has waited too long. */
static void look_at_clock(void) {
  u64 time = now();
  for (u32 i = 0; i < FORWARDS_AT_ONCE && forward_count; i++) {
    if (forwards[i].active && forwards[i].deadline <= time) try_forward(&forwards[i]);
  }
  for (u32 i = 0; i < STREAMS && stream_count; i++) {
    struct stream *s = &streams[i];
    if (!s->state || s->deadline > time) continue;
    if (s->state == CONNECTING || s->state == RECEIVING) try_stream(s);
    else end_stream(s);
  }
}

/* Ends with the last container, unless a command is about to register one. */
static void end_if_unused(const char *path) {
  if (container_count || call(SYS_flock, LOCK, 2 | 4 /* LOCK_EX, LOCK_NB */, 0, 0, 0, 0)) return;
  call(SYS_unlinkat, (u64)-100, (u64)path, 0, 0, 0, 0);
  leave(0);
}

__attribute__((noreturn, used)) void serve(u64 *stack) {
  static struct event events[64];
  const char *path = stack[0] > 1 ? (const char *)stack[2] : "";
  u64 limit[2] = {0, 0};
  call(SYS_prlimit64, 0, 7 /* RLIMIT_NOFILE */, 0, (u64)limit, 0, 0);
  limit[0] = limit[1];
  call(SYS_prlimit64, 0, 7, (u64)limit, 0, 0, 0);
  /* The command that starts us waits for this process, and not for the one that serves. */
  i64 child = call(SYS_clone, 17 /* SIGCHLD */, 0, 0, 0, 0, 0);
  if (child) leave(child < 0);
  call(SYS_setsid, 0, 0, 0, 0, 0, 0);
  call(SYS_chdir, (u64)"/", 0, 0, 0, 0, 0);
  /* What the command's caller left open, such as a lock or a pipe, must not
   * stay open as long as the containers. */
  call(SYS_close_range, EPOLL, ~0u, 0, 0, 0, 0);
  i64 epoll = call(SYS_epoll_create1, SOCK_CLOEXEC, 0, 0, 0, 0, 0);
  if (epoll != EPOLL && call(SYS_dup3, (u64)epoll, EPOLL, SOCK_CLOEXEC, 0, 0, 0) < 0) leave(1);
  if (!confine()) leave(1);
  await(EPOLL_CTL_ADD, CONTROL, EPOLLIN, tag(ON_CONTROL, 0, 0));
  u64 looked = 0;
  for (;;) {
    i32 busy = forward_count || stream_count;
    i64 timeout = busy ? 250 : container_count ? -1 : 100;
    i64 count = call(SYS_epoll_pwait, EPOLL, (u64)events, 64, (u64)timeout, 0, 8);
    for (i64 i = 0; i < count; i++) handle(events[i].events, events[i].data);
    if (busy && now() - looked >= 250) {
      look_at_clock();
      looked = now();
    }
    end_if_unused(path);
  }
}

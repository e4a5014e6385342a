/*
 * The port relay: one process for each container with published ports.
 *
 * It binds every published port on the host, so that no other program takes
 * it, and serves the connections that the firewall cannot rewrite: those to
 * 127.0.0.1, to ::1, and to other IPv6 addresses of the host. Connections to
 * routed IPv4 addresses never arrive here, because the firewall sends them to
 * the container. It has no libc and no heap.
 *
 *   container-ports ID     launch/port_relay.ts starts it
 *
 * 1. It binds and listens, writes the ports that it has chosen to its
 *    configuration (a shared memory file), and reports. Then it drops all
 *    rights: no capability, no new privileges, a list of system calls.
 * 2. It waits for a message with a pidfd: the container's first process. If its
 *    starter ends before, it exits.
 * 3. It relays until that process has ended. Then it delivers what is on its
 *    way, for at most a second, and exits.
 *
 * port_relay_bind.h, port_relay_tcp.h and port_relay_udp.h are its parts.
 */

#include "calls.h"
#include "constants.h"

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n"
        "xor %ebp, %ebp\n and $-16, %rsp\n call relay\n hlt\n");
#else
__asm__(".globl _start\n_start:\n"
        "mov x29, xzr\n mov x30, xzr\n bl relay\n");
#endif

static i64 call(i64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) {
  return syscall6(nr, a, b, c, d, e, f);
}

enum { EINTR = 4, EAGAIN = 11, EMFILE = 24, ENFILE = 23, ENOBUFS = 105, EPROTONOSUPPORT = 93, ESOCKTNOSUPPORT = 94, EAFNOSUPPORT = 97, EADDRINUSE = 98, EADDRNOTAVAIL = 99, EINPROGRESS = 115 };
enum { AF_INET = 2, AF_INET6 = 10, SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_FLAGS = 02004000 /* SOCK_NONBLOCK | SOCK_CLOEXEC */ };
enum { TCP = 6, UDP = 17, SCTP = 132 };
enum { SOL_SOCKET = 1, SO_REUSEADDR = 2, SO_ERROR = 4, SO_KEEPALIVE = 9, SO_LINGER = 13, TCP_NODELAY = 1 };
enum { IPPROTO_IPV6 = 41, IPV6_V6ONLY = 26, IP_PKTINFO = 8, IPV6_RECVPKTINFO = 49, IPV6_PKTINFO = 50 };
enum { EPOLLIN = 1, EPOLLOUT = 4, EPOLLERR = 8, EPOLLHUP = 16, EPOLLRDHUP = 0x2000, ADD = 1, DELETE = 2 };
#define EPOLLET (1u << 31)

enum { CLONE_NEWUSER = 0x10000000, CLONE_NEWNET = 0x40000000 };
enum { EVENTS = 128, DRAIN = 1000, BUFFER = 1 << 16 };

/* What an event is about, in the upper byte of its data. */
enum { OF_CONTROL, OF_PROCESS, OF_PORT, OF_CLIENT, OF_SERVER, OF_FLOW };

/* A published port; launch/port_relay.ts writes it. The numbers of ports are in
 * the machine's order. */
struct port {
  u16 family;
  u8 protocol, flags;
  u16 first, last;  /* the ports to choose from; 0: any free one */
  u16 inside;       /* the container's port */
  u16 chosen;       /* written here: the port; with an error, the last one tried */
  u8 address[16];
  i32 fd, unused[2];
};
_Static_assert(sizeof(struct port) == PORT_ENTRY, "launch/port_relay.ts writes so many bytes");

struct head {
  u32 magic, count;
  i32 error;        /* written here: an errno, about the entry `failed` */
  u32 failed;
  i32 pid;          /* written here */
  u32 family;       /* the container's address, written before the start */
  u8 address[16];
  u32 enter;        /* the container is reached from its own network namespace */
  u8 unused[20];
};
_Static_assert(sizeof(struct head) == PORT_HEAD, "launch/port_relay.ts writes so many bytes");

struct name { u16 family, port; u8 bytes[24]; }; /* struct sockaddr_in and sockaddr_in6 */
struct event { u32 events; u64 data; }
#if defined(__x86_64__)
__attribute__((packed))
#endif
;
struct iovec { void *base; u64 length; };
struct msghdr { void *name; u32 name_length, unused; struct iovec *iov; u64 iovlen; void *control; u64 control_length; i64 flags; };

static struct head *head;
static struct port *ports;
static i32 polling, process = -1;
static u64 limit;      /* descriptors that this process may have */
static i32 ended;      /* the container has */
static u8 buffer[BUFFER];

static void leave(u64 status) {
  call(SYS_exit_group, status, 0, 0, 0, 0, 0);
  for (;;) __builtin_trap();
}

static void copy(void *to, const void *from, u64 length) {
  u8 *out = to;
  const u8 *in = from;
  while (length--) {
    *out++ = *in++;
    __asm__ volatile("" ::: "memory"); /* stops gcc from calling memcpy, which does not exist here */
  }
}

static i32 same(const void *one, const void *other, u64 length) {
  const u8 *a = one, *b = other;
  while (length--) if (*a++ != *b++) return 0;
  return 1;
}

static void close_one(i32 fd) { call(SYS_close, (u64)fd, 0, 0, 0, 0, 0); }

static u16 swapped(u16 number) { return (u16)(number << 8 | number >> 8); }

static u64 set(i32 fd, i32 level, i32 option, i32 value) {
  return (u64)call(SYS_setsockopt, (u64)fd, (u64)level, (u64)option, (u64)&value, sizeof value, 0);
}

/* The length that the kernel wants for an address. */
static u64 length_of(u32 family) { return family == AF_INET ? 16 : 28; }

static void name_of(struct name *name, u32 family, const u8 *address, u16 port) {
  *name = (struct name){(u16)family, swapped(port), {0}};
  copy(name->bytes + (family == AF_INET ? 0 : 4), address, family == AF_INET ? 4 : 16);
}

/* Milliseconds of CLOCK_MONOTONIC. */
static u64 clock(void) {
  struct { i64 seconds, nanoseconds; } time = {0, 0};
  call(SYS_clock_gettime, 1, (u64)&time, 0, 0, 0, 0);
  return (u64)time.seconds * 1000 + (u64)time.nanoseconds / 1000000;
}

static i64 watch(i32 fd, u32 events, u64 kind, u32 generation, u32 index) {
  struct event event = {events, kind << 56 | (u64)(generation & 0xffffff) << 32 | index};
  return call(SYS_epoll_ctl, (u64)polling, ADD, (u64)fd, (u64)&event, 0, 0);
}

/* A socket that is being connected with the container's port. Negative: -errno. */
static i32 reach(i32 type, u16 port) {
  struct name name;
  i32 fd = (i32)call(SYS_socket, head->family, (u64)(type | SOCK_FLAGS), 0, 0, 0, 0);
  if (fd < 0) return fd;
  name_of(&name, head->family, head->address, port);
  i64 result = call(SYS_connect, (u64)fd, (u64)&name, length_of(head->family), 0, 0, 0);
  if (result >= 0 || result == -EINPROGRESS) return fd;
  close_one(fd);
  return (i32)result;
}

#include "port_relay_bind.h"
#include "port_relay_tcp.h"
#include "port_relay_udp.h"

/* Takes the pidfd, and begins. The starter may be gone: then it exits. */
static void begin(void) {
  struct { u64 length; i32 level, type, fd, unused; } control = {0, 0, 0, -1, 0};
  struct iovec vector = {buffer, 1};
  struct msghdr message = {0, 0, 0, &vector, 1, &control, sizeof control, 0};
  i64 count;
  do count = call(SYS_recvmsg, PORT_CONTROL, (u64)&message, 0x40000000 /* MSG_CMSG_CLOEXEC */, 0, 0, 0);
  while (count == -EINTR);
  if (count != 1 || message.control_length < 20 || control.level != SOL_SOCKET || control.type != 1) leave(0);
  u64 signals = 1ul << (SIGTERM - 1);
  process = control.fd;
  /* Only its own processes reach a user's container. Whoever has made its user
   * namespace may enter it, without a right. What that gives is dropped again. */
  if (head->enter) {
    if (call(SYS_setns, (u64)process, CLONE_NEWUSER | CLONE_NEWNET, 0, 0, 0, 0) < 0) leave(125);
    drop_rights();
  }
  /* From now on the container's end ends it. */
  call(SYS_rt_sigprocmask, 0 /* SIG_BLOCK */, (u64)&signals, 0, 8, 0, 0);
  watch(process, EPOLLIN, OF_PROCESS, 0, 0);
  call(SYS_epoll_ctl, (u64)polling, DELETE, PORT_CONTROL, 0, 0, 0);
  watch_ports();
  /* The starter waits for this byte. */
  call(SYS_write, PORT_CONTROL, (u64) "s", 1, 0, 0, 0);
  close_one(PORT_CONTROL);
}

/* The container has ended: its ports are free at once. */
static void finish(void) {
  ended = 1;
  call(SYS_epoll_ctl, (u64)polling, DELETE, (u64)process, 0, 0, 0);
  last_answers();
  for (u32 i = 0; i < head->count; i++) if (ports[i].fd >= 0) close_one(ports[i].fd);
  drain_connections();
}

static void handle(u64 data, u32 events) {
  u32 kind = (u32)(data >> 56), generation = (u32)(data >> 32) & 0xffffff, index = (u32)data;
  if (kind == OF_CONTROL) begin();
  else if (kind == OF_PROCESS) finish();
  else if (kind == OF_CLIENT || kind == OF_SERVER) progress(index, generation, kind == OF_SERVER, events);
  else if (kind == OF_FLOW) answer(index, generation);
  else if (!ended && ports[index].protocol == TCP) accept_from(index);
  else if (!ended) question(index);
}

__attribute__((used)) void relay(void) {
  static struct event happened[EVENTS];
  u64 signals = 1ul << (SIGPIPE - 1);
  call(SYS_close_range, PORT_CONTROL + 1, ~0u, 0, 0, 0, 0);
  call(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, (u64)&signals, 0, 8, 0, 0);
  i64 child = call(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
  /* Its starter waits for this process only. */
  if (child) leave(child < 0 ? 125 : 0);
  call(SYS_setsid, 0, 0, 0, 0, 0, 0);
  call(SYS_chdir, (u64) "/", 0, 0, 0, 0, 0);
  call(SYS_prctl, 4, 0, 0, 0, 0, 0);                 /* PR_SET_DUMPABLE */
  call(SYS_prctl, 15, (u64) "ports", 0, 0, 0, 0);    /* PR_SET_NAME */
  load_config();
  raise_limit();
  head->pid = (i32)call(SYS_getpid, 0, 0, 0, 0, 0, 0);
  bind_all();
  polling = (i32)call(SYS_epoll_create1, 02000000, 0, 0, 0, 0, 0);
  if (polling < 0) head->error = (i32)-polling;
  make_tables();
  watch(PORT_CONTROL, EPOLLIN, OF_CONTROL, 0, 0);
  if (!head->enter) drop_rights();
  call(SYS_write, PORT_CONTROL, (u64) "b", 1, 0, 0, 0);
  if (head->error) leave(125);
  u64 until = 0;
  for (;;) {
    i64 patience = ready ? 0 : ended || paused ? DRAIN / 10 : flow_count ? 5000 : -1;
    i64 count = call(SYS_epoll_pwait, (u64)polling, (u64)happened, EVENTS, (u64)patience, 0, 8);
    for (i64 i = 0; i < count; i++) handle(happened[i].data, happened[i].events);
    continue_ready();
    if (paused && !is_full()) pause_ports(0);
    if (flow_count && !ended) forget_old_flows();
    if (!ended) continue;
    if (!until) until = clock() + DRAIN;
    if (!connections || clock() >= until) leave(0);
  }
}

/*
 * The part of launch/native/port_relay.c for what comes first: the ports, and
 * the rights that are dropped when they are bound.
 */

static void load_config(void) {
  struct head first;
  if (call(SYS_pread64, PORT_CONFIG, (u64)&first, sizeof first, 0, 0, 0) != sizeof first ||
      first.magic != PORT_MAGIC) leave(125);
  u64 size = PORT_HEAD + (u64)first.count * PORT_ENTRY;
  i64 at = call(SYS_mmap, 0, size, 3 /* PROT_READ | PROT_WRITE */, 1 /* MAP_SHARED */, PORT_CONFIG, 0);
  if (at < 0 && at > -4096) leave(125);
  head = (struct head *)at;
  ports = (struct port *)(at + PORT_HEAD);
  close_one(PORT_CONFIG);
}

/* As many descriptors as the hard limit allows. */
static void raise_limit(void) {
  struct { u64 soft, hard; } limits = {1024, 1024};
  enum { RLIMIT_NOFILE = 7 };
  call(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (u64)&limits, 0, 0);
  limits.soft = limits.hard;
  call(SYS_prlimit64, 0, RLIMIT_NOFILE, (u64)&limits, 0, 0, 0);
  limit = limits.hard;
}

/* Binds one address with a port; 0 lets the kernel choose. Negative: -errno. */
static i32 bind_one(const struct port *port, u16 number) {
  struct name name;
  i32 type = port->protocol == UDP ? SOCK_DGRAM : SOCK_STREAM;
  i32 fd = (i32)call(SYS_socket, port->family, (u64)(type | SOCK_FLAGS), port->protocol == SCTP ? SCTP : 0, 0, 0, 0);
  if (fd < 0) return fd;
  if (port->family == AF_INET6) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  /* Connections of before a restart may still wait for their end. Two sockets
   * that listen exclude each other all the same. */
  if (port->protocol == TCP) set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (port->protocol == UDP && port->family == AF_INET) set(fd, 0, IP_PKTINFO, 1);
  if (port->protocol == UDP && port->family == AF_INET6) set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  name_of(&name, port->family, port->address, number);
  i64 result = call(SYS_bind, (u64)fd, (u64)&name, length_of(port->family), 0, 0, 0);
  if (result >= 0 && port->protocol == TCP) result = call(SYS_listen, (u64)fd, 4096, 0, 0, 0, 0);
  if (result >= 0) return fd;
  close_one(fd);
  return (i32)result;
}

static u16 port_of(i32 fd) {
  struct name name = {0, 0, {0}};
  u32 length = sizeof name;
  call(SYS_getsockname, (u64)fd, (u64)&name, (u64)&length, 0, 0, 0);
  return swapped(name.port);
}

/* Whether the kernel has no such address family or protocol. The firewall
 * serves the port all the same. */
static i32 is_missing(i32 error, const struct port *port) {
  if (error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL) return port->flags & PORT_OPTIONAL;
  return port->protocol == SCTP && (error == -EPROTONOSUPPORT || error == -ESOCKTNOSUPPORT);
}

/* Binds the entry, and its twin of the other family to the same port. Returns
 * 0, or -errno; `failed` is the entry. */
static i32 bind_pair(u32 index, u32 twins, u16 number) {
  for (u32 i = index; i <= index + twins; i++) {
    struct port *port = &ports[i];
    port->fd = bind_one(port, number);
    port->chosen = number;
    if (port->fd >= 0) {
      port->chosen = number = port_of(port->fd);
      continue;
    }
    i32 error = port->fd;
    port->fd = -1;
    if (is_missing(error, port)) continue;
    if (i > index && ports[index].fd >= 0) {
      close_one(ports[index].fd);
      ports[index].fd = -1;
    }
    head->failed = i;
    return error;
  }
  return 0;
}

static void bind_all(void) {
  enum { TRIES = 64 };
  for (u32 i = 0; i < head->count && !head->error; i++) {
    u32 twins = i + 1 < head->count && ports[i + 1].flags & PORT_TWIN;
    u32 first = ports[i].first, last = first ? ports[i].last : TRIES;
    i32 error = -EADDRINUSE;
    for (u32 number = first; number <= last && error == -EADDRINUSE; number++) {
      error = bind_pair(i, twins, first ? (u16)number : 0);
    }
    head->error = -error;
    i += twins;
  }
}

struct filter { u16 code; u8 yes, no; u32 value; };

/* No capability, none to get, and only the calls that relaying needs. */
static void drop_rights(void) {
  static const u32 allowed[] = {
    SYS_read, SYS_write, SYS_close, SYS_accept4, SYS_connect, SYS_sendmsg, SYS_recvmsg, SYS_sendto, SYS_recvfrom,
    SYS_shutdown, SYS_setsockopt, SYS_getsockopt, SYS_epoll_ctl, SYS_epoll_pwait, SYS_splice, SYS_pipe2,
    SYS_clock_gettime, SYS_rt_sigprocmask, SYS_exit_group,
  };
  enum { COUNT = sizeof allowed / sizeof *allowed };
  enum { LOAD = 0x20, EQUAL = 0x15, RETURN = 0x06, ALLOW = 0x7fff0000 };
#if defined(__x86_64__)
  const u32 machine = 0xc000003e;
#else
  const u32 machine = 0xc00000b7;
#endif
  /* Machine, socket(2) of the IP families, and the list. */
  struct filter program[8 + COUNT + 2];
  u32 at = 0;
  program[at++] = (struct filter){LOAD, 0, 0, 4};
  program[at++] = (struct filter){EQUAL, 0, 5 + COUNT, machine};
  program[at++] = (struct filter){LOAD, 0, 0, 0};
  program[at++] = (struct filter){EQUAL, 0, 3, SYS_socket};
  program[at++] = (struct filter){LOAD, 0, 0, 16};
  program[at++] = (struct filter){EQUAL, COUNT + 2, 0, AF_INET};
  program[at++] = (struct filter){EQUAL, COUNT + 1, COUNT, AF_INET6};
  for (u32 i = 0; i < COUNT; i++) program[at++] = (struct filter){EQUAL, (u8)(COUNT - i), 0, allowed[i]};
  program[at++] = (struct filter){RETURN, 0, 0, 0x80000000u /* SECCOMP_RET_KILL_PROCESS */};
  program[at++] = (struct filter){RETURN, 0, 0, ALLOW};
  struct { u16 length; struct filter *program; } whole = {(u16)at, program};
  struct { u32 version; i32 pid; } version = {0x20080522, 0};
  u32 none[6] = {0, 0, 0, 0, 0, 0};
  call(SYS_capset, (u64)&version, (u64)none, 0, 0, 0, 0);
  call(SYS_prctl, 38 /* PR_SET_NO_NEW_PRIVS */, 1, 0, 0, 0, 0);
  if (call(SYS_prctl, 22 /* PR_SET_SECCOMP */, 2, (u64)&whole, 0, 0, 0) < 0) {
    /* A kernel without seccomp filters. */
  }
}

static void watch_ports(void) {
  for (u32 i = 0; i < head->count; i++) {
    if (ports[i].fd >= 0 && ports[i].protocol != SCTP) watch(ports[i].fd, EPOLLIN, OF_PORT, 0, i);
  }
}

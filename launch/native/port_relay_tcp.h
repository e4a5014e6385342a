/*
 * The part of launch/native/port_relay.c for connections. The bytes go from
 * socket to socket through a pipe, splice(2), and are never copied to this
 * process. A connection has a pipe only while bytes are on their way, so ten
 * thousand quiet connections are twenty thousand descriptors and little else.
 */

enum { CONNECTIONS = 1 << 15, PIPES = 256, CHUNK = 1 << 18, BUDGET = 16, NOBODY = ~0u };

struct connection {
  i32 fd[2];     /* the client, the container */
  i32 pipe[2];   /* of the bytes from the client, and to it; -1: none */
  u32 held[2];   /* bytes in the pipe */
  u32 next;      /* in the list of free ones, or of ready ones */
  u32 generation;
  u8 used, connecting, queued, eof[2], done[2];
};

static struct connection *table;
static u32 unused = NOBODY, never_used, most; /* the free ones; the first that was never used */
static u32 connections, paused;
static u32 first_ready = NOBODY, ready;
static struct { i32 read, write; } pipes[PIPES];
static i32 idle[PIPES];
static u32 idle_count, pipe_count;

static void *map(u64 size) {
  i64 at = call(SYS_mmap, 0, size, 3 /* PROT_READ | PROT_WRITE */, 0x4022 /* MAP_PRIVATE | ANONYMOUS | NORESERVE */, ~0ul, 0);
  if (at < 0 && at > -4096) leave(125);
  return (void *)at;
}

/* A pipe that is empty; -1: all are in use. */
static i32 take_pipe(void) {
  i32 ends[2];
  if (idle_count) return idle[--idle_count];
  if (pipe_count == PIPES) return -1;
  if (call(SYS_pipe2, (u64)ends, 02004000, 0, 0, 0, 0) < 0) return -1;
  pipes[pipe_count].read = ends[0];
  pipes[pipe_count].write = ends[1];
  return (i32)pipe_count++;
}

static void give_pipe(struct connection *one, u32 way) {
  if (one->pipe[way] < 0) return;
  i32 which = one->pipe[way];
  /* Bytes that nobody will read: throw them away. */
  while (one->held[way]) {
    i64 count = call(SYS_read, (u64)pipes[which].read, (u64)buffer, BUFFER, 0, 0, 0);
    if (count <= 0) break;
    one->held[way] -= (u32)count < one->held[way] ? (u32)count : one->held[way];
  }
  idle[idle_count++] = which;
  one->pipe[way] = -1;
}

static void pause_ports(i32 stop) {
  if (paused == (u32)stop || ended) return;
  paused = (u32)stop;
  for (u32 i = 0; i < head->count; i++) {
    if (ports[i].fd < 0 || ports[i].protocol != TCP) continue;
    if (stop) call(SYS_epoll_ctl, (u64)polling, DELETE, (u64)ports[i].fd, 0, 0, 0);
    else watch(ports[i].fd, EPOLLIN, OF_PORT, 0, i);
  }
}

/* Ends a connection; with `reset`, so that both sides see it was no regular end. */
static void end_connection(u32 index, i32 reset) {
  struct connection *one = &table[index];
  struct { i32 on, seconds; } linger = {1, 0};
  for (u32 way = 0; way < 2; way++) {
    give_pipe(one, way);
    if (one->fd[way] < 0) continue;
    if (reset) call(SYS_setsockopt, (u64)one->fd[way], SOL_SOCKET, SO_LINGER, (u64)&linger, sizeof linger, 0);
    close_one(one->fd[way]);
  }
  one->generation++;
  one->used = 0;
  connections--;
  /* continue_ready() frees it. */
  if (!one->queued) {
    one->next = unused;
    unused = index;
  }
}

static void queue(u32 index) {
  struct connection *one = &table[index];
  if (one->queued) return;
  one->queued = 1;
  one->next = first_ready;
  first_ready = index;
  ready++;
}

/* Without a pipe: looks at the bytes, sends them, and takes what was sent. */
static i64 copy_through(i32 from, i32 to) {
  i64 count = call(SYS_recvfrom, (u64)from, (u64)buffer, BUFFER, 2 /* MSG_PEEK */, 0, 0);
  if (count <= 0) return count;
  count = call(SYS_sendto, (u64)to, (u64)buffer, (u64)count, 0x4000 /* MSG_NOSIGNAL */, 0, 0);
  if (count <= 0) return count ? count : -EAGAIN;
  return call(SYS_recvfrom, (u64)from, (u64)buffer, (u64)count, 0, 0, 0);
}

/* Moves what can be moved one way. Negative: the connection is broken. */
static i32 pump(u32 index, u32 way) {
  enum { MOVE = 1, NONBLOCK = 2 };
  struct connection *one = &table[index];
  u64 from = (u64)one->fd[way], to = (u64)one->fd[!way];
  u32 budget = BUDGET;
  for (; budget; budget--) {
    i64 count;
    if (!one->held[way]) {
      if (one->eof[way]) break;
      if (one->pipe[way] < 0) one->pipe[way] = take_pipe();
      i32 which = one->pipe[way];
      count = which < 0
        ? copy_through((i32)from, (i32)to)
        : call(SYS_splice, from, 0, (u64)pipes[which].write, 0, CHUNK, MOVE | NONBLOCK);
      if (count == 0) {
        one->eof[way] = 1;
        break;
      }
      if (count == -EAGAIN) {
        give_pipe(one, way);
        return 0;
      }
      if (count < 0) return -1;
      if (which < 0) continue;
      one->held[way] = (u32)count;
    }
    count = call(SYS_splice, (u64)pipes[one->pipe[way]].read, 0, to, 0, one->held[way], MOVE | NONBLOCK);
    if (count == -EAGAIN) return 0;
    if (count <= 0) return -1;
    one->held[way] -= (u32)count;
  }
  if (one->eof[way] && !one->held[way]) {
    give_pipe(one, way);
    if (!one->done[way]) call(SYS_shutdown, to, 1 /* SHUT_WR */, 0, 0, 0, 0);
    one->done[way] = 1;
  } else if (!budget) queue(index);
  return 0;
}

static void pump_both(u32 index) {
  struct connection *one = &table[index];
  if (pump(index, 0) < 0 || pump(index, 1) < 0) end_connection(index, 1);
  /* When the container has ended, nobody reads what the client still sends. */
  else if (one->done[1] && (one->done[0] || ended)) end_connection(index, 0);
}

static void progress(u32 index, u32 generation, i32 of_server, u32 events) {
  struct connection *one = &table[index];
  if (!one->used || (one->generation & 0xffffff) != generation) return;
  if (one->connecting) {
    i32 error = 0;
    u32 length = sizeof error;
    if (!of_server || !(events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) return;
    call(SYS_getsockopt, (u64)one->fd[1], SOL_SOCKET, SO_ERROR, (u64)&error, (u64)&length, 0);
    if (error) return end_connection(index, 1);
    one->connecting = 0;
  }
  pump_both(index);
}

static void continue_ready(void) {
  u32 list = first_ready;
  first_ready = NOBODY;
  ready = 0;
  while (list != NOBODY) {
    struct connection *one = &table[list];
    u32 index = list;
    list = one->next;
    one->queued = 0;
    if (one->used) pump_both(index);
    else {
      one->next = unused;
      unused = index;
    }
  }
}

/* Each connection has two descriptors; some are left for pipes and datagrams. */
static i32 is_full(void) {
  return connections >= most || (unused == NOBODY && never_used >= CONNECTIONS);
}

static void accept_from(u32 index) {
  for (u32 i = 0; i < 64; i++) {
    if (is_full()) return pause_ports(1);
    i32 client = (i32)call(SYS_accept4, (u64)ports[index].fd, 0, 0, SOCK_FLAGS, 0, 0);
    if (client == -EMFILE || client == -ENFILE || client == -ENOBUFS) {
      /* The next round tries again. */
      return pause_ports(1);
    }
    if (client < 0) return;
    i32 server = reach(SOCK_STREAM, ports[index].inside);
    if (server < 0) {
      struct { i32 on, seconds; } linger = {1, 0};
      call(SYS_setsockopt, (u64)client, SOL_SOCKET, SO_LINGER, (u64)&linger, sizeof linger, 0);
      close_one(client);
      continue;
    }
    u32 at = unused == NOBODY ? never_used++ : unused;
    struct connection *one = &table[at];
    if (at == unused) unused = one->next;
    u32 generation = one->generation;
    *one = (struct connection){{client, server}, {-1, -1}, {0, 0}, NOBODY, generation, 1, 1, 0, {0, 0}, {0, 0}};
    connections++;
    for (u32 side = 0; side < 2; side++) {
      set(one->fd[side], TCP, TCP_NODELAY, 1);
      set(one->fd[side], SOL_SOCKET, SO_KEEPALIVE, 1);
      watch(one->fd[side], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, side ? OF_SERVER : OF_CLIENT, generation, at);
    }
  }
}

/* What the container has sent last is delivered. */
static void drain_connections(void) {
  for (u32 i = 0; i < never_used; i++) {
    if (!table[i].used) continue;
    if (table[i].connecting) end_connection(i, 1);
    else pump_both(i);
  }
}

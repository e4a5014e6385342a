/*
 * The part of launch/native/port_relay.c for datagrams. Each client of a port
 * is a flow with a socket of its own to the container, so that the answers find
 * back. A flow ends when it was quiet for as long as docker's; if there are too
 * many, the one that was quiet longest.
 */

enum { FLOWS = 4096, BUCKETS = 4096, QUIET = 90000, BATCH = 64 };

/* struct in_pktinfo and in6_pktinfo: the address of the host that was asked. */
struct local { u64 length; i32 level, type; u8 bytes[24]; };

struct flow {
  i32 fd;
  u32 port, generation, next, newer, older;
  u64 seen;
  struct name client;
  struct local local;
};

static struct flow *flows;
static u32 *buckets;
static u32 free_flow = NOBODY, new_flow, flow_count;
static u32 newest = NOBODY, oldest = NOBODY;

static void make_tables(void) {
  u64 others = head->count + 2ul * PIPES + 64;
  u64 rest = limit > others ? limit - others : 0;
  table = map(CONNECTIONS * sizeof *table);
  flows = map(FLOWS * sizeof *flows);
  buckets = map(BUCKETS * sizeof *buckets);
  u32 datagrams = 0;
  for (u32 i = 0; i < head->count; i++) datagrams |= ports[i].protocol == UDP;
  /* With ports of both protocols, a quarter is for datagrams. */
  rest = datagrams ? rest / 8 * 3 : rest / 2;
  most = (u32)(rest > CONNECTIONS ? CONNECTIONS : rest);
  if (!most) most = 1;
}

static u32 bucket_of(u32 port, const struct name *client) {
  u32 hash = 2166136261u ^ port;
  const u8 *bytes = (const u8 *)client;
  for (u32 i = 0; i < sizeof *client; i++) hash = (hash ^ bytes[i]) * 16777619u;
  return hash % BUCKETS;
}

static void unlink_flow(u32 index) {
  struct flow *one = &flows[index];
  *(one->newer == NOBODY ? &newest : &flows[one->newer].older) = one->older;
  *(one->older == NOBODY ? &oldest : &flows[one->older].newer) = one->newer;
}

static void link_newest(u32 index) {
  struct flow *one = &flows[index];
  one->newer = NOBODY;
  one->older = newest;
  *(newest == NOBODY ? &oldest : &flows[newest].newer) = index;
  newest = index;
}

static void touch(u32 index) {
  flows[index].seen = clock();
  if (newest == index) return;
  unlink_flow(index);
  link_newest(index);
}

static void end_flow(u32 index) {
  struct flow *one = &flows[index];
  /* A bucket has the index plus one: 0 is empty. */
  u32 *at = &buckets[bucket_of(one->port, &one->client)];
  while (*at != index + 1) at = &flows[*at - 1].next;
  *at = one->next;
  unlink_flow(index);
  close_one(one->fd);
  one->generation++;
  one->fd = -1;
  one->next = free_flow;
  free_flow = index;
  flow_count--;
}

static void forget_old_flows(void) {
  u64 now = clock();
  while (oldest != NOBODY && now - flows[oldest].seen >= QUIET) end_flow(oldest);
}

static u32 flow_of(u32 port, const struct name *client, const struct local *local) {
  u32 *bucket = &buckets[bucket_of(port, client)];
  for (u32 at = *bucket; at; at = flows[at - 1].next) {
    struct flow *one = &flows[at - 1];
    if (one->port == port && same(&one->client, client, sizeof *client) &&
        same(one->local.bytes, local->bytes, sizeof local->bytes)) return at - 1;
  }
  if (free_flow == NOBODY && new_flow >= FLOWS) end_flow(oldest);
  i32 fd = reach(SOCK_DGRAM, ports[port].inside);
  if (fd == -EMFILE && oldest != NOBODY) {
    end_flow(oldest);
    fd = reach(SOCK_DGRAM, ports[port].inside);
  }
  if (fd < 0) return NOBODY;
  u32 index = free_flow == NOBODY ? new_flow++ : free_flow;
  struct flow *one = &flows[index];
  if (index == free_flow) free_flow = one->next;
  one->fd = fd;
  one->port = port;
  copy(&one->client, client, sizeof *client);
  copy(&one->local, local, sizeof *local);
  /* end_flow() may have changed the chain. */
  one->next = *bucket;
  *bucket = index + 1;
  flow_count++;
  link_newest(index);
  watch(fd, EPOLLIN, OF_FLOW, one->generation, index);
  return index;
}

/* Datagrams of clients. */
static void question(u32 port) {
  u32 family = ports[port].family;
  for (u32 i = 0; i < BATCH; i++) {
    struct name client = {0, 0, {0}};
    struct local local = {0, 0, 0, {0}};
    struct iovec vector = {buffer, BUFFER};
    struct msghdr message = {&client, sizeof client, 0, &vector, 1, &local, sizeof local, 0};
    i64 count = call(SYS_recvmsg, (u64)ports[port].fd, (u64)&message, 0, 0, 0, 0);
    if (count == -EAGAIN) return;
    if (count < 0) continue;
    if (!message.control_length) local.length = 0;
    else if (family == AF_INET) {
      /* ipi_spec_dst, and no device: the route decides. */
      u8 *bytes = local.bytes;
      for (u32 b = 0; b < 4; b++) bytes[b] = bytes[8 + b] = 0;
    } else if (local.bytes[0] != 0xfe) {
      for (u32 b = 16; b < 20; b++) local.bytes[b] = 0;
    }
    u32 index = flow_of(port, &client, &local);
    if (index == NOBODY) continue;
    touch(index);
    call(SYS_sendto, (u64)flows[index].fd, (u64)buffer, (u64)count, 0x4000 /* MSG_NOSIGNAL */, 0, 0);
  }
}

/* Datagrams of the container. */
static void answer(u32 index, u32 generation) {
  struct flow *one = &flows[index];
  if (one->fd < 0 || (one->generation & 0xffffff) != generation) return;
  for (u32 i = 0; i < BATCH; i++) {
    i64 count = call(SYS_recvfrom, (u64)one->fd, (u64)buffer, BUFFER, 0, 0, 0);
    if (count == -EAGAIN) return;
    /* ECONNREFUSED: nobody listens there yet. */
    if (count < 0) continue;
    struct iovec vector = {buffer, (u64)count};
    u64 size = (one->local.length + 7) & ~7ul;
    struct msghdr message = {&one->client, (u32)length_of(one->client.family), 0, &vector, 1, size ? &one->local : 0, size, 0};
    call(SYS_sendmsg, (u64)ports[one->port].fd, (u64)&message, 0x4000 /* MSG_NOSIGNAL */, 0, 0, 0);
    if (!ended) touch(index);
  }
}

/* The container has ended: its last answers are delivered. */
static void last_answers(void) {
  for (u32 i = newest; i != NOBODY; i = flows[i].older) answer(i, flows[i].generation & 0xffffff);
}

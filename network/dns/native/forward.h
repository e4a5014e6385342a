/*
 * Queries by UDP that others answer. Each has a socket of its own, connected
 * with the server: the kernel chooses a random port and drops what comes from
 * elsewhere. A container waits for a limited number at once, so that a flood, or
 * a server that asks us again, does not use up the sockets of all.
 */

#pragma once

#include "loop.h"

enum { FORWARDS_AT_ONCE = 2048, OF_ONE = 256, LONGEST_QUERY = 1232, PATIENCE = 2000, MOST_TRIES = 4 };

struct forward {
  u8 active, server, tries;
  u16 generation, container, container_generation, id;
  u32 length, question_end, room;
  i32 fd;
  u64 deadline;
  u8 client[16];
  u8 client_id[2]; /* which the server does not see */
  u8 query[LONGEST_QUERY];
};

static struct forward forwards[FORWARDS_AT_ONCE];
static u32 forward_count;
static u8 answer_space[65536];

static void reply(const struct container *c, const u8 *answer, u32 length, const u8 client[16]) {
  call(SYS_sendto, (u64)c->udp, (u64)answer, length, MSG_DONTWAIT | MSG_NOSIGNAL, (u64)client, 16);
}

static void end_forward(struct forward *f) {
  shut(&f->fd);
  f->active = 0;
  forward_count--;
  struct container *c = &containers[f->container];
  if (c->generation == f->container_generation && c->waiting) c->waiting--;
}

static void fail_forward(struct forward *f) {
  struct question q;
  const struct container *c = &containers[f->container];
  memcpy(f->query, f->client_id, 2);
  if (c->active && c->generation == f->container_generation && read_query(f->query, f->length, &q) == NOERROR) {
    reply(c, answer_space, code_only(answer_space, f->query, &q, SERVFAIL, 0), f->client);
  }
  end_forward(f);
}

/* Asks the next server; the query fails after some attempts. */
static void try_forward(struct forward *f) {
  const struct container *c = &containers[f->container];
  for (;;) {
    shut(&f->fd);
    u32 most = c->servers > 2 ? MOST_TRIES : c->servers * 2u;
    if (f->tries >= most) return fail_forward(f);
    f->server = (u8)((c->first + f->tries++) % c->servers);
    f->fd = reach(c, f->server, SOCK_DGRAM);
    if (f->fd < 0) continue;
    put16(f->query, f->id = random16());
    if (call(SYS_sendto, (u64)f->fd, (u64)f->query, f->length, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0) < 0) continue;
    f->deadline = now() + PATIENCE;
    u64 index = (u64)(f - forwards);
    if (await(EPOLL_CTL_ADD, f->fd, EPOLLIN, tag(ON_FORWARD, f->generation, index)) >= 0) return;
  }
}

static void forward_query(u32 index, const u8 *query, u32 length, const struct question *q, const u8 client[16]) {
  struct container *c = &containers[index];
  static u32 next;
  if (c->waiting >= OF_ONE || forward_count >= FORWARDS_AT_ONCE) {
    return reply(c, answer_space, code_only(answer_space, query, q, SERVFAIL, 0), client);
  }
  while (forwards[next].active) next = (next + 1) % FORWARDS_AT_ONCE;
  struct forward *f = &forwards[next];
  f->active = 1;
  f->generation++;
  f->tries = 0;
  f->fd = -1;
  f->container = (u16)index;
  f->container_generation = c->generation;
  f->length = length;
  f->question_end = q->end;
  f->room = q->room;
  memcpy(f->query, query, length);
  memcpy(f->client, client, 16);
  c->waiting++;
  forward_count++;
  memcpy(f->client_id, query, 2);
  try_forward(f);
}

/* An answer from outside, or the error of its socket. */
static void finish_forward(struct forward *f) {
  u8 *answer = answer_space;
  i64 got = call(SYS_recvfrom, (u64)f->fd, (u64)answer, sizeof answer_space, MSG_DONTWAIT, 0, 0);
  if (got == -EAGAIN || got == -EINTR) return;
  if (got < 0) return try_forward(f);
  struct container *c = &containers[f->container];
  /* Not the answer to our question: the right one may still come. */
  if (got < HEADER || net16(answer) != f->id || !answers_query(answer, (u32)got, f->query, f->question_end)) return;
  u32 code = answer[3] & RCODE;
  u32 left = f->tries < (c->servers > 2 ? MOST_TRIES : c->servers);
  if ((code == SERVFAIL || code == REFUSED) && left && c->servers > 1) return try_forward(f);
  if ((u32)got > f->room || !passes(c, answer, (u32)got)) return fail_forward(f);
  c->first = f->server;
  memcpy(answer, f->client_id, 2);
  reply(c, answer, (u32)got, f->client);
  end_forward(f);
}

static void end_forwards_of(u32 index) {
  for (u32 i = 0; i < FORWARDS_AT_ONCE; i++) {
    if (forwards[i].active && forwards[i].container == index) end_forward(&forwards[i]);
  }
}

/* Queries by UDP: some at a time, so that one container does not keep the others waiting. */
static void serve_udp(u32 index) {
  static u8 query[LONGEST_QUERY + 1];
  u8 client[16];
  for (u32 count = 0; count < 16; count++) {
    struct container *c = &containers[index];
    u32 size = sizeof client;
    i64 got = call(SYS_recvfrom, (u64)c->udp, (u64)query, sizeof query, MSG_DONTWAIT, (u64)client, (u64)&size);
    if (got < 0) return;
    struct question q;
    u32 code = got > LONGEST_QUERY ? DROP : read_query(query, (u32)got, &q);
    if (code == DROP || size != sizeof client) continue;
    u32 length = code ? code_only(answer_space, query, &q, code, 0) : answer_query(c, query, &q, answer_space, q.room);
    if (length == FORWARD) forward_query(index, query, (u32)got, &q, client);
    else reply(c, answer_space, length, client);
  }
}

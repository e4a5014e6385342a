/*
 * Queries by TCP, RFC 7766: one at a time on each connection. A container has a
 * limited number of connections; one more closes its oldest.
 */

#pragma once

#include "forward.h"

enum { STREAMS = 256, STREAMS_OF_ONE = 8, IDLE = 10000, FRAME = 2 };
enum { READING = 1, CONNECTING, RECEIVING, WRITING };

struct stream {
  u8 state; /* 0: not in use */
  u8 server;
  u16 generation, container, id;
  i32 client, upstream;
  u32 have, want, length; /* length: of the query */
  u64 deadline;
  u8 client_id[2];
  u8 query[FRAME + LONGEST_QUERY];
  u8 buffer[FRAME + 65535];
};

static struct stream streams[STREAMS];
static u32 stream_count;

static void end_stream(struct stream *s) {
  shut(&s->client);
  shut(&s->upstream);
  s->state = 0;
  stream_count--;
  containers[s->container].streams--;
  /* The memory of a long answer: MADV_DONTNEED of the whole pages. */
  u64 from = ((u64)s->buffer + 4095) & ~4095ul, to = (u64)(s->buffer + sizeof s->buffer) & ~4095ul;
  call(SYS_madvise, from, to - from, 4, 0, 0, 0);
}

static u64 client_tag(const struct stream *s) { return tag(ON_STREAM, s->generation, (u64)(s - streams)); }

static void read_next(struct stream *s) {
  s->state = READING;
  s->have = 0;
  s->want = FRAME;
  s->deadline = now() + IDLE;
  await(EPOLL_CTL_MOD, s->client, EPOLLIN, client_tag(s));
}

/* Sends what is in the buffer; goes on when the client has taken it. */
static void write_on(struct stream *s) {
  while (s->have < s->want) {
    i64 sent = call(SYS_sendto, (u64)s->client, (u64)(s->buffer + s->have), s->want - s->have,
                    MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
    if (sent == -EAGAIN) {
      await(EPOLL_CTL_MOD, s->client, EPOLLOUT, client_tag(s));
      return;
    }
    if (sent <= 0) return end_stream(s);
    s->have += (u32)sent;
  }
  read_next(s);
}

static void write_answer(struct stream *s, u32 length) {
  shut(&s->upstream);
  put16(s->buffer, length);
  s->state = WRITING;
  s->have = 0;
  s->want = FRAME + length;
  write_on(s);
}

static void fail_stream(struct stream *s, u32 code) {
  struct question q;
  memcpy(s->query + FRAME, s->client_id, 2);
  if (read_query(s->query + FRAME, s->length, &q) == DROP) return end_stream(s);
  write_answer(s, code_only(s->buffer + FRAME, s->query + FRAME, &q, code, 0));
}

static void try_stream(struct stream *s) {
  const struct container *c = &containers[s->container];
  for (;;) {
    shut(&s->upstream);
    if (s->server >= c->servers) return fail_stream(s, SERVFAIL);
    s->upstream = reach(c, s->server++, SOCK_STREAM);
    if (s->upstream >= 0) break;
  }
  put16(s->query, s->length);
  put16(s->query + FRAME, s->id = random16());
  s->state = CONNECTING;
  s->have = 0;
  s->deadline = now() + PATIENCE;
  await(EPOLL_CTL_MOD, s->client, 0, client_tag(s));
  await(EPOLL_CTL_ADD, s->upstream, EPOLLOUT, tag(ON_UPSTREAM, s->generation, (u64)(s - streams)));
}

static void take_query(struct stream *s) {
  struct question q;
  const struct container *c = &containers[s->container];
  memcpy(s->client_id, s->query + FRAME, 2);
  u32 code = read_query(s->query + FRAME, s->length, &q);
  if (code == DROP) return end_stream(s);
  if (code) return fail_stream(s, code);
  u32 length = answer_query(c, s->query + FRAME, &q, s->buffer + FRAME, 8192);
  if (length != FORWARD) return write_answer(s, length);
  s->server = 0;
  try_stream(s);
}

static void serve_stream(struct stream *s, u32 events) {
  if (events & (EPOLLERR | EPOLLHUP)) return end_stream(s);
  if (s->state == WRITING) return write_on(s);
  if (s->state != READING) return;
  i64 got = call(SYS_recvfrom, (u64)s->client, (u64)(s->query + s->have), s->want - s->have, MSG_DONTWAIT, 0, 0);
  if (got == -EAGAIN || got == -EINTR) return;
  if (got <= 0) return end_stream(s);
  s->have += (u32)got;
  if (s->have < s->want) return;
  if (s->want > FRAME) return take_query(s);
  s->length = net16(s->query);
  if (s->length < HEADER || s->length > LONGEST_QUERY) return end_stream(s);
  s->want = FRAME + s->length;
}

static void serve_upstream(struct stream *s) {
  if (s->state == CONNECTING) {
    /* A query is much smaller than the buffer of a new connection. */
    u32 size = FRAME + s->length;
    if (call(SYS_sendto, (u64)s->upstream, (u64)s->query, size, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0) != size) {
      return try_stream(s);
    }
    s->state = RECEIVING;
    s->want = FRAME;
    await(EPOLL_CTL_MOD, s->upstream, EPOLLIN, tag(ON_UPSTREAM, s->generation, (u64)(s - streams)));
    return;
  }
  i64 got = call(SYS_recvfrom, (u64)s->upstream, (u64)(s->buffer + s->have), s->want - s->have, MSG_DONTWAIT, 0, 0);
  if (got == -EAGAIN || got == -EINTR) return;
  if (got <= 0) return try_stream(s);
  s->have += (u32)got;
  if (s->have < s->want) return;
  if (s->want == FRAME) {
    s->want = FRAME + net16(s->buffer);
    if (s->want < FRAME + HEADER) try_stream(s);
    return;
  }
  u8 *answer = s->buffer + FRAME;
  u32 length = s->want - FRAME;
  struct question q;
  if (read_query(s->query + FRAME, s->length, &q) != NOERROR) return end_stream(s);
  if (net16(answer) != s->id || !answers_query(answer, length, s->query + FRAME, q.end)) return try_stream(s);
  if (!passes(&containers[s->container], answer, length)) return fail_stream(s, SERVFAIL);
  memcpy(answer, s->client_id, 2);
  write_answer(s, length);
}

static struct stream *oldest_of(u32 index) {
  struct stream *oldest = 0;
  for (u32 i = 0; i < STREAMS; i++) {
    struct stream *s = &streams[i];
    if (s->state && s->container == index && (!oldest || s->deadline < oldest->deadline)) oldest = s;
  }
  return oldest;
}

static void accept_stream(u32 index) {
  struct container *c = &containers[index];
  i32 fd = (i32)call(SYS_accept4, (u64)c->tcp, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC, 0, 0);
  if (fd < 0) return;
  if (c->streams >= STREAMS_OF_ONE) end_stream(oldest_of(index));
  for (u32 i = 0; i < STREAMS; i++) {
    struct stream *s = &streams[i];
    if (s->state) continue;
    s->generation++;
    s->container = (u16)index;
    s->client = fd;
    s->upstream = -1;
    c->streams++;
    stream_count++;
    await(EPOLL_CTL_ADD, fd, EPOLLIN, client_tag(s));
    read_next(s);
    return;
  }
  call(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
}

static void end_streams_of(u32 index) {
  for (u32 i = 0; i < STREAMS; i++) {
    if (streams[i].state && streams[i].container == index) end_stream(&streams[i]);
  }
}

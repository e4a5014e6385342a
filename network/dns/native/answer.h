/* What the resolver answers itself, and what it asks others for. */

#pragma once

#include "feed.h"

enum { FORWARD = 0 };

static u32 code_only(u8 *answer, const u8 *query, const struct question *q, u32 code, u32 info) {
  return end_answer(answer, begin_answer(answer, query, q, code), q, info);
}

static u32 answer_addresses(const struct container *c, const u8 *query, const struct question *q, struct found *found,
                            u8 *answer, u32 room) {
  static u32 turn;
  u32 at = begin_answer(answer, query, q, NOERROR), first = found->count > 1 ? turn++ % found->count : 0;
  answer[2] |= AA;
  for (u32 i = 0; i < found->count; i++) {
    const u8 *address = found->address[(first + i) % found->count];
    if (at + 12 + found->size + 11 > room) {
      /* The client asks again by TCP. */
      at = begin_answer(answer, query, q, NOERROR);
      answer[2] |= AA | TC;
      break;
    }
    if (c->flags & FILTERS && feed(c, q, address, found->size, OWN_TTL)) return code_only(answer, query, q, SERVFAIL, 0);
    at = add_record(answer, at, q->type, address, found->size);
  }
  return end_answer(answer, at, q, 0);
}

/*
 * Writes the answer to a query and returns its length; FORWARD if others have
 * to be asked. The answer has room for 4096 bytes or more.
 */
static u32 answer_query(const struct container *c, const u8 *query, const struct question *q, u8 *answer, u32 room) {
  static struct found found;
  u8 address[16];
  find_name(c, q, &found);
  if (found.known) {
    if (!allows(c, q)) return code_only(answer, query, q, NXDOMAIN, EDE_FILTERED);
    return answer_addresses(c, query, q, &found, answer, room);
  }
  u32 size = q->type == TYPE_PTR ? reverse_address(q, address) : 0;
  const u8 *name = size ? find_address(c, address, size) : 0;
  if (name) {
    u8 labels[LONGEST_NAME];
    u32 length = write_name(labels, name + 4, get16(name + 2));
    u32 at = begin_answer(answer, query, q, NOERROR);
    answer[2] |= AA;
    if (length) at = add_record(answer, at, TYPE_PTR, labels, length);
    return end_answer(answer, at, q, 0);
  }
  if (!allows(c, q)) return code_only(answer, query, q, NXDOMAIN, EDE_FILTERED);
  if (!(c->flags & FORWARDS) || !c->servers) return code_only(answer, query, q, SERVFAIL, 0);
  return FORWARD;
}

/* Whether an answer from outside can be given to the container. */
static i32 passes(const struct container *c, const u8 *answer, u32 length) {
  return !(c->flags & FILTERS) || feed_answer(c, answer, length);
}

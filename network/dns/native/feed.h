/*
 * Tells the firewall of a container with a policy what its names stand for: the
 * addresses of an answer go into a set of nf_tables before the answer is sent.
 * The socket was made in the container's network namespace.
 */

#pragma once

#include "registry.h"

/* linux/netfilter/nf_tables.h */
enum { NFT_MSG_NEWSETELEM = 0xa0c, NFT_MSG_DELSETELEM = 0xa0e, NFPROTO_INET = 1 };
enum { NLM_F_REQUEST = 1, NLM_F_ACK = 4, NLM_F_EXCL = 0x200, NLM_F_CREATE = 0x400, NESTED = 0x8000 };
/* Seconds that an address stays at least, and at most. */
enum { LEAST_STAY = 30, LONGEST_STAY = 86400 };
static const char POLICY_TABLE[] = "container_policy";

static u8 batch[1024];
static u32 batch_size, batch_sequence;

static u32 open_part(u32 type) {
  u32 at = batch_size;
  u16 words[2] = {0, (u16)type};
  memcpy(batch + at, words, 4);
  batch_size += 4;
  return at;
}

static void close_part(u32 at) {
  u16 size = (u16)(batch_size - at);
  memcpy(batch + at, &size, 2);
  while (batch_size & 3) batch[batch_size++] = 0;
}

static void put_bytes(const void *bytes, u32 size) {
  memcpy(batch + batch_size, bytes, size);
  batch_size += size;
}

static void put_attribute(u32 type, const void *bytes, u32 size) {
  u32 at = open_part(type);
  put_bytes(bytes, size);
  close_part(at);
}

/* Begins a message, which end_message() ends. */
static u32 begin_message(u32 type, u32 flags, u32 family, u32 resource) {
  u32 at = batch_size, head[4] = {0, type | flags << 16, ++batch_sequence, 0};
  u8 front[4] = {(u8)family, 0, 0, (u8)resource};
  put_bytes(head, 16);
  put_bytes(front, 4);
  return at;
}

static void end_message(u32 at) {
  u32 size = batch_size - at;
  memcpy(batch + at, &size, 4);
}

static void put_element(u32 type, u32 flags, const char *set, const u8 *key, u32 size, u64 milliseconds) {
  u32 message = begin_message(type, NLM_F_REQUEST | NLM_F_ACK | flags, NFPROTO_INET, 0);
  put_attribute(1, POLICY_TABLE, sizeof POLICY_TABLE);
  put_attribute(2, set, 6);
  u32 list = open_part(3 | NESTED), element = open_part(1 | NESTED), keys = open_part(1 | NESTED);
  put_attribute(1, key, size);
  close_part(keys);
  if (milliseconds) {
    u8 time[8];
    put32(time, (u32)(milliseconds >> 32));
    put32(time + 4, (u32)milliseconds);
    put_attribute(4, time, 8);
  }
  close_part(element);
  close_part(list);
  end_message(message);
}

/* Sends a batch to the kernel; 0 or the first error. */
static i32 commit(i32 socket) {
  static u8 answer[4096];
  end_message(begin_message(0x11, NLM_F_REQUEST, 0, 10));
  if (call(SYS_sendto, (u64)socket, (u64)batch, batch_size, 0, 0, 0) < 0) return EINVAL;
  i32 error = 0;
  for (;;) {
    i64 got = call(SYS_recvfrom, (u64)socket, (u64)answer, sizeof answer, MSG_DONTWAIT, 0, 0);
    if (got <= 0) return error;
    for (u64 at = 0; at + 20 <= (u64)got;) {
      u32 size = get32(answer + at);
      if (size < 20 || size > (u64)got - at) break;
      if (get16(answer + at + 4) == 2 && !error) error = -(i32)get32(answer + at + 16);
      at += (size + 3) & ~3u;
    }
  }
}

static void begin_batch(void) {
  batch_size = 0;
  end_message(begin_message(0x10, NLM_F_REQUEST, 0, 10));
}

/* Adds an element, or begins its time again; 0 or an error. */
static i32 feed_element(i32 socket, const char *set, const u8 *key, u32 size, u64 milliseconds) {
  for (u32 attempt = 0;; attempt++) {
    begin_batch();
    put_element(NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, set, key, size, milliseconds);
    i32 error = commit(socket);
    if (error != EEXIST || attempt == 3) return error;
    /* Older kernels keep the old time of an element that is there. */
    begin_batch();
    put_element(NFT_MSG_DELSETELEM, 0, set, key, size, 0);
    put_element(NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, set, key, size, milliseconds);
    error = commit(socket);
    /* Its time ended meanwhile. */
    if (error != ENOENT || attempt == 3) return error;
  }
}

/* Addresses that no name stands for: whoever owns an allowed name could open them by it. */
static i32 is_special(const u8 *address, u32 size) {
  static const u8 mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, zeros[12];
  if (size == 16) {
    if (!memcmp(address, mapped, 12) || !memcmp(address, zeros, 12)) return 1;
    return address[0] == 0xff || (address[0] == 0xfe && (address[1] & 0xc0) == 0x80);
  }
  return !address[0] || address[0] == 127 || address[0] >= 224 || (address[0] == 169 && address[1] == 254);
}

/* Feeds one address for the rules that allow the name; 0 or an error. */
static i32 feed(const struct container *c, const struct question *q, const u8 *address, u32 size, u32 ttl) {
  u64 stay = (ttl < LEAST_STAY ? LEAST_STAY : ttl > LONGEST_STAY ? LONGEST_STAY : ttl) * 1000ul;
  if (is_special(address, size)) return 0;
  for (const u8 *rule = c->rule; rule < c->message + c->size; rule = next_rule(rule)) {
    if (rule[0] & RULE_DENY || !rule_matches(rule, q)) continue;
    u8 key[20];
    memset(key, 0, sizeof key);
    memcpy(key, address, size);
    u32 port = get16(rule + 2);
    put16(key + size, port);
    i32 error = feed_element(c->filter, size == 4 ? port ? "port4" : "name4" : port ? "port6" : "name6", key,
                             port ? size + 4 : size, stay);
    if (error) return error;
  }
  return 0;
}

/* The most addresses of an answer that are fed. */
enum { MOST_FED = 32 };

/* Feeds the addresses of an answer from outside; 0 if it cannot be given on. */
static i32 feed_answer(const struct container *c, const u8 *answer, u32 length) {
  struct question q;
  u32 at = read_name(answer, length, &q), fed = 0;
  if (!at || length - at < 4 || !allows(c, &q)) return 0;
  at += 4;
  for (u32 count = net16(answer + 6); count; count--) {
    u32 data;
    if (!(at = skip_record(answer, length, at, &data))) return 0;
    u32 type = net16(answer + data - 10), size = net16(answer + data - 2);
    if (net16(answer + data - 8) != CLASS_IN || size != (type == TYPE_A ? 4u : type == TYPE_AAAA ? 16u : ~0u)) continue;
    if (fed++ == MOST_FED) return 1;
    if (feed(c, &q, answer + data, size, net32(answer + data - 6))) return 0;
  }
  return 1;
}

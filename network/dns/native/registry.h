/*
 * The containers that the resolver serves: for each, the message that
 * registered it (network/dns/registration.ts), and in two tables for all of
 * them the names and addresses that it adds to its networks.
 */

#pragma once

#include "message.h"

enum { CONTAINERS = 8192, NAMES = 65536, PLACES = 16384, MESSAGE = 65536 };
#define REGISTRATION 0x31534e44u /* DNS1 */
/* Flags of a registration. */
enum { FORWARDS = 1, FILTERS = 2 };
enum { AT_FLAGS = 4, AT_ID = 8, ID_SIZE = 32, AT_COUNTS = 40, AT_PARTS = 48 };
enum { SERVER_SIZE = 20, NETWORK_SIZE = 32, HAS_IPV4 = 1, HAS_IPV6 = 2 };
enum { RULE_BELOW = 1, RULE_DENY = 2 };

struct container {
  u8 active;
  u16 generation;
  u16 servers, networks, names, rules; /* how many */
  u32 flags, waiting, streams;
  u8 first; /* the server that has answered last */
  i32 process, udp, tcp, filter;
  const u8 *server, *network, *name, *rule; /* in the message */
  u8 *message;
  u32 size;
};

/* A name of a container in a network; `at` is its place in the message. */
struct entry { u64 network; u32 hash; u16 container, at; };
/* A container's place in a network. */
struct place { u64 network; u16 container, index; };

static struct container containers[CONTAINERS];
static struct entry entries[NAMES];
static struct place places[PLACES];
static u32 container_count, highest, entry_count, place_count;

static const u8 *network_of(const struct container *c, u32 index) { return c->network + index * NETWORK_SIZE; }

/* The place after `count` records of a 16-bit length at `head`, and that many bytes; 0 if wrong. */
static u32 after_texts(const u8 *message, u32 size, u32 at, u32 count, u32 head) {
  while (count--) {
    if (size - at < head + 2) return 0;
    u32 length = get16(message + at + head);
    at += head + 2;
    if (length > LONGEST_NAME || size - at < length) return 0;
    at += length;
  }
  return at;
}

/* Finds the parts of a message; 0 if it is wrong. */
static i32 read_registration(struct container *c, u8 *message, u32 size) {
  if (size < AT_PARTS || get32(message) != REGISTRATION) return 0;
  c->message = message;
  c->size = size;
  c->flags = get32(message + AT_FLAGS);
  c->servers = get16(message + AT_COUNTS);
  c->networks = get16(message + AT_COUNTS + 2);
  c->names = get16(message + AT_COUNTS + 4);
  c->rules = get16(message + AT_COUNTS + 6);
  u64 fixed = AT_PARTS + (u64)c->servers * SERVER_SIZE + (u64)c->networks * NETWORK_SIZE;
  if (fixed > size) return 0;
  c->server = message + AT_PARTS;
  c->network = c->server + c->servers * SERVER_SIZE;
  u32 at = (u32)fixed;
  c->name = message + at;
  if (!(at = after_texts(message, size, at, c->names, 2))) return 0;
  c->rule = message + at;
  if (!(at = after_texts(message, size, at, c->rules, 4))) return 0;
  for (const u8 *name = c->name; name < c->rule; name += 4 + get16(name + 2)) {
    if (get16(name) >= c->networks) return 0;
  }
  return at == size;
}

static i32 same_id(const u8 *one, const u8 *other) { return !memcmp(one + AT_ID, other + AT_ID, ID_SIZE); }

/* Removes what a container has added to the tables. */
static void forget(u32 index) {
  u32 kept = 0;
  for (u32 i = 0; i < entry_count; i++) {
    if (entries[i].container != index) entries[kept++] = entries[i];
  }
  entry_count = kept;
  kept = 0;
  for (u32 i = 0; i < place_count; i++) {
    if (places[i].container != index) places[kept++] = places[i];
  }
  place_count = kept;
}

/* Adds a container's names and addresses to the tables; 0 or an error. */
static i32 announce(u32 index) {
  const struct container *c = &containers[index];
  if (c->networks > PLACES - place_count || c->names > NAMES - entry_count) return ENOSPC;
  for (u32 i = 0; i < c->networks; i++) {
    places[place_count++] = (struct place){get64(network_of(c, i)), (u16)index, (u16)i};
  }
  for (const u8 *name = c->name; name < c->rule; name += 4 + get16(name + 2)) {
    entries[entry_count++] = (struct entry){
      get64(network_of(c, get16(name))), hash_of(name + 4, get16(name + 2)), (u16)index, (u16)(name - c->message)};
  }
  return 0;
}

/* The most addresses in one answer. */
enum { MOST_ADDRESSES = 128 };

struct found { u32 known, count, size; u8 address[MOST_ADDRESSES][16]; };

/* Finds a name in the networks of a container. */
static void find_name(const struct container *c, const struct question *q, struct found *found) {
  found->known = found->count = 0;
  found->size = q->type == TYPE_AAAA ? 16 : 4;
  if (q->odd || q->length > LONGEST_NAME) return;
  for (u32 n = 0; n < c->networks; n++) {
    u64 network = get64(network_of(c, n));
    for (u32 i = 0; i < entry_count; i++) {
      const struct entry *e = &entries[i];
      if (e->hash != q->hash || e->network != network) continue;
      const struct container *other = &containers[e->container];
      const u8 *name = other->message + e->at;
      if (get16(name + 2) != q->length || memcmp(name + 4, q->name, q->length)) continue;
      found->known = 1;
      const u8 *place = network_of(other, get16(name));
      i32 has = q->type == TYPE_A ? place[28] & HAS_IPV4 : q->type == TYPE_AAAA ? place[28] & HAS_IPV6 : 0;
      if (!has || found->count == MOST_ADDRESSES) continue;
      memcpy(found->address[found->count++], place + (q->type == TYPE_A ? 8 : 12), found->size);
    }
  }
}

/* The name of an address in the networks of a container: its first one there; null if it is not known. */
static const u8 *find_address(const struct container *c, const u8 *address, u32 size) {
  for (u32 n = 0; n < c->networks; n++) {
    u64 network = get64(network_of(c, n));
    for (u32 i = 0; i < place_count; i++) {
      if (places[i].network != network) continue;
      const struct container *other = &containers[places[i].container];
      const u8 *place = network_of(other, places[i].index);
      if (!(place[28] & (size == 4 ? HAS_IPV4 : HAS_IPV6))) continue;
      if (memcmp(place + (size == 4 ? 8 : 12), address, size)) continue;
      for (const u8 *name = other->name; name < other->rule; name += 4 + get16(name + 2)) {
        if (get16(name) == places[i].index) return name;
      }
    }
  }
  return 0;
}

static i32 rule_matches(const u8 *rule, const struct question *q) {
  u32 length = get16(rule + 4);
  const u8 *name = rule + 6;
  if (!(rule[0] & RULE_BELOW)) return length == q->length && !memcmp(name, q->name, length);
  return q->length > length + 1 && q->name[q->length - length - 1] == '.' &&
         !memcmp(q->name + q->length - length, name, length);
}

static const u8 *next_rule(const u8 *rule) { return rule + 6 + get16(rule + 4); }

/* Whether a container's policy allows a name; without a policy every name is allowed. */
static i32 allows(const struct container *c, const struct question *q) {
  if (!(c->flags & FILTERS)) return 1;
  if (q->odd) return 0;
  i32 allowed = 0;
  for (const u8 *rule = c->rule; rule < c->message + c->size; rule = next_rule(rule)) {
    if (!rule_matches(rule, q)) continue;
    if (rule[0] & RULE_DENY) return 0;
    allowed = 1;
  }
  return allowed;
}

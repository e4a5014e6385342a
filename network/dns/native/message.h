/*
 * DNS messages, RFC 1035. Every byte of them may come from an attacker: each
 * read is preceded by a comparison with the message's length.
 */

#pragma once

#include "own_calls.h"

enum { HEADER = 12, LONGEST_NAME = 255, LONGEST_LABEL = 63, LEAST_UDP = 512, OUR_UDP = 1232 };
enum { TYPE_A = 1, TYPE_PTR = 12, TYPE_AAAA = 28, TYPE_OPT = 41, TYPE_ANY = 255, CLASS_IN = 1, CLASS_ANY = 255 };
enum { NOERROR = 0, FORMERR = 1, SERVFAIL = 2, NXDOMAIN = 3, NOTIMP = 4, REFUSED = 5, DROP = 255 };
/* Bits of the third and fourth byte. */
enum { QR = 0x80, OPCODE = 0x78, AA = 4, TC = 2, RD = 1, RA = 0x80, RCODE = 15 };
/* Seconds: containers come and go. */
enum { OWN_TTL = 5 };
/* RFC 8914: the policy does not allow the name. */
enum { EDE = 15, EDE_FILTERED = 17 };

struct question {
  u8 name[LONGEST_NAME + 1]; /* lower case, with dots between the labels */
  u32 length;
  u32 hash;
  u32 odd;   /* a label has a byte that no host's name has */
  u32 end;   /* where the question ends in the message */
  u32 edns;  /* the message has an OPT record, RFC 6891 */
  u32 room;  /* the largest answer by UDP */
  u16 type, class;
};

static u8 lower(u8 byte) { return byte >= 'A' && byte <= 'Z' ? (u8)(byte + 32) : byte; }

static u32 hash_of(const u8 *name, u32 length) {
  u32 hash = 2166136261u;
  while (length--) hash = (hash ^ *name++) * 16777619u;
  return hash;
}

/* The place after a name that can be compressed; 0 if it is wrong. */
static u32 skip_name(const u8 *message, u32 length, u32 at) {
  while (at < length) {
    u8 size = message[at];
    if ((size & 0xc0) == 0xc0) return at + 2 <= length ? at + 2 : 0;
    if (size & 0xc0) return 0;
    at += 1u + size;
    if (!size) return at;
  }
  return 0;
}

/* The place after a record; 0 if it is wrong. `data` is where its data begin. */
static u32 skip_record(const u8 *message, u32 length, u32 at, u32 *data) {
  at = skip_name(message, length, at);
  if (!at || length - at < 10) return 0;
  *data = at + 10;
  u32 size = net16(message + at + 8);
  return length - *data < size ? 0 : *data + size;
}

/* Reads a question's name from HEADER on; 0 if it is wrong. */
static u32 read_name(const u8 *message, u32 length, struct question *q) {
  u32 at = HEADER;
  q->length = 0;
  q->odd = 0;
  for (;;) {
    if (at >= length) return 0;
    u32 size = message[at++];
    if (!size) break;
    if (size > LONGEST_LABEL || length - at < size || q->length + size + 1 > LONGEST_NAME - 1) return 0;
    if (q->length) q->name[q->length++] = '.';
    while (size--) {
      u8 byte = lower(message[at++]);
      if (byte <= ' ' || byte >= 127 || byte == '.' || byte == '\\') q->odd = 1;
      q->name[q->length++] = byte;
    }
  }
  q->hash = hash_of(q->name, q->length);
  return at;
}

/* Reads a query; returns NOERROR, the error to answer, or DROP. */
static u32 read_query(const u8 *message, u32 length, struct question *q) {
  if (length < HEADER || message[2] & QR) return DROP;
  q->end = HEADER;
  q->edns = 0;
  q->room = LEAST_UDP;
  if (message[2] & OPCODE) return NOTIMP;
  if (net16(message + 4) != 1) return FORMERR;
  u32 at = read_name(message, length, q);
  if (!at || length - at < 4) return FORMERR;
  q->type = net16(message + at);
  q->class = net16(message + at + 2);
  q->end = at += 4;
  u32 records = net16(message + 6) + net16(message + 8) + net16(message + 10);
  if (records > 4) return FORMERR;
  while (records--) {
    u32 data, from = at;
    at = skip_record(message, length, at, &data);
    if (!at) return FORMERR;
    if (net16(message + data - 10) != TYPE_OPT || message[from]) continue;
    q->edns = 1;
    q->room = net16(message + data - 8);
    if (q->room < LEAST_UDP) q->room = LEAST_UDP;
    if (q->room > 4096) q->room = 4096;
  }
  return q->class == CLASS_IN || q->class == CLASS_ANY ? NOERROR : REFUSED;
}

/* Begins an answer with the query's question; returns its length. */
static u32 begin_answer(u8 *answer, const u8 *query, const struct question *q, u32 code) {
  memcpy(answer, query, q->end);
  answer[2] = (u8)(QR | (query[2] & (OPCODE | RD)));
  answer[3] = (u8)(RA | code);
  memset(answer + 4, 0, 8);
  answer[5] = q->end > HEADER;
  return q->end;
}

/* Adds the OPT record. */
static u32 end_answer(u8 *answer, u32 at, const struct question *q, u32 info) {
  if (!q->edns) return at;
  memset(answer + at, 0, 11);
  put16(answer + at + 1, TYPE_OPT);
  put16(answer + at + 3, OUR_UDP);
  answer[11]++;
  at += 11;
  if (!info) return at;
  put16(answer + at - 2, 6);
  put16(answer + at, EDE);
  put16(answer + at + 2, 2);
  put16(answer + at + 4, info);
  return at + 6;
}

/* Adds a record for the question's name. */
static u32 add_record(u8 *answer, u32 at, u32 type, const u8 *data, u32 size) {
  put16(answer + at, 0xc000 | HEADER);
  put16(answer + at + 2, type);
  put16(answer + at + 4, CLASS_IN);
  put32(answer + at + 6, OWN_TTL);
  put16(answer + at + 10, size);
  memcpy(answer + at + 12, data, size);
  put16(answer + 6, net16(answer + 6) + 1u);
  return at + 12 + size;
}

/* Writes a name with dots as labels; 0 if it is not one. */
static u32 write_name(u8 *to, const u8 *name, u32 length) {
  u32 at = 0, label = 0;
  if (!length || length > LONGEST_NAME - 2) return 0;
  for (u32 i = 0; i <= length; i++) {
    if (i < length && name[i] != '.') continue;
    u32 size = i - label;
    if (!size || size > LONGEST_LABEL) return 0;
    to[at++] = (u8)size;
    memcpy(to + at, name + label, size);
    at += size;
    label = i + 1;
  }
  to[at++] = 0;
  return at;
}

static i32 digit(u8 byte) {
  return byte >= '0' && byte <= '9' ? byte - '0' : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static i32 ends_with(const u8 *name, u32 length, const char *end, u32 size) {
  return length > size && !memcmp(name + length - size, end, size);
}

/* The address of a reverse name: 4 or 16, its size, or 0 if it is none. */
static u32 reverse_address(const struct question *q, u8 address[16]) {
  const u8 *name = q->name;
  if (ends_with(name, q->length, ".in-addr.arpa", 13)) {
    u32 end = q->length - 13, at = 0;
    for (i32 part = 3; part >= 0; part--) {
      u32 value = 0, digits = 0;
      while (at < end && digits < 3 && name[at] >= '0' && name[at] <= '9') {
        value = value * 10 + name[at++] - '0';
        digits++;
      }
      if (!digits || value > 255 || (part ? at >= end || name[at++] != '.' : at != end)) return 0;
      address[part] = (u8)value;
    }
    return 4;
  }
  if (!ends_with(name, q->length, ".ip6.arpa", 9) || q->length != 63 + 9) return 0;
  for (u32 i = 0; i < 32; i++) {
    i32 value = digit(name[2 * i]);
    if (value < 0 || (i < 31 && name[2 * i + 1] != '.')) return 0;
    u8 *byte = address + 15 - i / 2;
    *byte = (u8)(i & 1 ? *byte | value << 4 : value);
  }
  return 16;
}

/* Whether an answer belongs to a query: the same question, in any case of letters. */
static i32 answers_query(const u8 *answer, u32 length, const u8 *query, u32 question_end) {
  if (length < question_end || !(answer[2] & QR) || net16(answer + 4) != 1) return 0;
  for (u32 i = HEADER; i < question_end; i++) {
    if (lower(answer[i]) != lower(query[i])) return 0;
  }
  return 1;
}

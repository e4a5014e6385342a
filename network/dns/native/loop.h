/* What the loop waits for, and the sockets to the servers outside. */

#pragma once

#include "answer.h"

/* What a descriptor belongs to. */
enum { ON_CONTROL = 1, ON_REQUEST, ON_PROCESS, ON_UDP, ON_TCP, ON_FORWARD, ON_STREAM, ON_UPSTREAM };
/* Descriptors that the resolver starts with. */
enum { CONTROL = 3, LOCK = 4, EPOLL = 5 };

static u64 tag(u64 kind, u64 generation, u64 index) { return kind << 48 | generation << 32 | index; }

static i32 await(i32 operation, i32 fd, u32 events, u64 data) {
  struct event event;
  memset(&event, 0, sizeof event);
  event.events = events;
  event.data = data;
  return (i32)call(SYS_epoll_ctl, EPOLL, (u64)operation, (u64)fd, (u64)&event, 0, 0);
}

static void shut(i32 *fd) {
  if (*fd < 0) return;
  await(EPOLL_CTL_DEL, *fd, 0, 0);
  call(SYS_close, (u64)*fd, 0, 0, 0, 0, 0);
  *fd = -1;
}

/* Connects with a server of a container: the descriptor, or an error. */
static i32 reach(const struct container *c, u32 index, i32 type) {
  const u8 *server = c->server + index * SERVER_SIZE;
  u8 address[28];
  memset(address, 0, sizeof address);
  u32 is6 = get16(server) == 6;
  u16 family = is6 ? AF_INET6 : AF_INET;
  memcpy(address, &family, 2);
  put16(address + 2, get16(server + 2));
  memcpy(address + (is6 ? 8 : 4), server + 4, is6 ? 16 : 4);
  i32 fd = (i32)call(SYS_socket, family, (u64)(type | SOCK_NONBLOCK | SOCK_CLOEXEC), 0, 0, 0, 0);
  if (fd < 0) return fd;
  i64 error = call(SYS_connect, (u64)fd, (u64)address, is6 ? 28 : 16, 0, 0, 0);
  if (error >= 0 || error == -EINPROGRESS) return fd;
  call(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
  return (i32)error;
}

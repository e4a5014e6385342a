/*
 * The part of launch/native/keeper.c for attached clients: they see what the
 * command writes, and must not miss any of it.
 *
 * Clients read the log files themselves, through descriptors that they are
 * given. So a slow or stopped client costs the keeper no memory. A client gets
 * the next file only after it has begun the one before. Until then the keeper
 * reads no more output, and the command's writes block when its pipe is full.
 * After the command's end nobody is waited for: the rest is small, and its
 * files wait in the socket.
 *
 * Messages to a client: `l` with eight bytes and a descriptor: continue in this
 * file at this offset, after the end of the file before. `w`: there is more to
 * read. `e` and a byte: the command has ended with this status. Messages from a
 * client: `l`: it has begun the newest file. `w`: tell me when there is more.
 */

enum { CLIENTS = 16, MEMORY = 1 << 20 };

static struct client { i32 fd; u8 behind, waits, news; } clients[CLIENTS];
static u32 attached;
static i32 ended;    /* the command has */
static i32 stopping; /* somebody waits for the command's end */
static i32 memory = -1; /* holds the output while the disk is full */
static u64 memory_size;

static i64 tell(i32 to, const void *bytes, u64 length, i32 fd) {
  struct rights control = {20, 1 /* SOL_SOCKET */, 1 /* SCM_RIGHTS */, fd, 0};
  struct iovec vector = {(void *)bytes, length};
  struct msghdr message = {0, 0, &vector, 1, &control, fd < 0 ? 0 : sizeof control, 0};
  return call(SYS_sendmsg, (u64)to, (u64)&message, 0x4000 /* MSG_NOSIGNAL */, 0, 0);
}

static void forget(u32 which) {
  call(SYS_close, (u64)clients[which].fd, 0, 0, 0, 0);
  clients[which] = clients[--attached];
}

/* Sends the clients from index `from` on the file that is written now, and the
 * offset `at` to read it from. */
static void offer(u32 from, u64 at) {
  struct __attribute__((packed)) { u8 what; u64 at; } message = {'l', at};
  if (from >= attached) return;
  i32 file = memory;
  if (file < 0) file = (i32)call(SYS_openat, KEPT_DIRECTORY, (u64) "log", O_CLOEXEC, 0, 0);
  for (u32 i = attached; i-- > from;) {
    clients[i].behind = 1;
    if (tell(clients[i].fd, &message, sizeof message, file) < 0) forget(i);
  }
  if (file >= 0 && file != memory) call(SYS_close, (u64)file, 0, 0, 0, 0);
}

static void wake(u32 which) {
  struct client *client = &clients[which];
  if (client->waits && client->news) {
    client->waits = client->news = 0;
    tell(client->fd, "w", 1, -1);
  }
}

static void wake_all(void) {
  for (u32 i = 0; i < attached; i++) {
    clients[i].news = 1;
    wake(i);
  }
}

/* Reads a message of a client; forgets a client that has disconnected. */
static void hear(u32 which) {
  u8 byte = 0;
  i64 count = call(SYS_read, (u64)clients[which].fd, (u64)&byte, 1, 0, 0);
  if (count == -EINTR || count == -EAGAIN) return;
  if (count <= 0) return forget(which);
  if (byte == 'l') clients[which].behind = 0;
  if (byte == 'w') {
    clients[which].waits = 1;
    wake(which);
  }
}

static i64 attend(i32 reading, const struct timespec *patience);

/* Waits until each client has begun its newest file. If somebody waits for the
 * command's end, slow clients are dropped after a second. */
static void await_clients(void) {
  static const struct timespec second = {1, 0};
  while (!ended) {
    u32 behind = 0;
    for (u32 i = 0; i < attached; i++) behind += clients[i].behind;
    if (!behind) return;
    if (attend(0, stopping ? &second : 0) || !stopping) continue;
    for (u32 i = attached; i--;) if (clients[i].behind) forget(i);
  }
}

/* Keeps the output in memory while the disk is full, so attached clients miss
 * nothing. */
static void keep_in_memory(const u8 *bytes, u32 length) {
  if (!attached) return;
  if (memory < 0 || memory_size + length > MEMORY) {
    await_clients();
    if (memory >= 0) call(SYS_close, (u64)memory, 0, 0, 0, 0);
    memory = (i32)call(SYS_memfd_create, (u64) "log", 1 /* MFD_CLOEXEC */, 0, 0, 0);
    memory_size = 0;
    if (memory < 0) return;
    offer(0, 0);
  }
  i64 count = call(SYS_pwrite64, (u64)memory, (u64)bytes, length, memory_size, 0);
  if (count > 0) memory_size += (u64)count;
  wake_all();
}

/* The disk has room again; the log continues at this offset. */
static void leave_memory(u64 at) {
  if (memory < 0) return;
  await_clients();
  call(SYS_close, (u64)memory, 0, 0, 0, 0);
  memory = -1;
  offer(0, at);
}

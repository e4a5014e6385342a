/*
 * The operations of a compiled plan that only launch/native/entry.c has.
 */

/* OP_IS_PROCESS fails with ESRCH unless process arg[0], which started at
 * arg[1], is alive. OP_END_PROCESS kills it and waits up to arg[2] milliseconds;
 * it fails with ESRCH if the process was gone. OP_COMPARE_MASKED is OP_COMPARE
 * in the bits of arg[3]. OP_OWNERS_LIVE fails with EBUSY unless every file in
 * directory arg[0] belongs to a living process. OP_IS_OUTSIDE fails with EXDEV
 * if open directory arg[0] is open directory arg[1] or in it. OP_HAS_CONTENT
 * fails with ESTALE unless open file arg[0] is regular and contains just arg[2]
 * bytes at arg[1]. OP_IS_AT fails with ESTALE unless the path of open file arg[0]
 * is arg[1]. */

/* Reads decimal digits at *text and moves *text behind them. */
static u64 number(const u8 **text) {
  u64 value = 0;
  while (**text >= '0' && **text <= '9') value = value * 10 + (u64)(*(*text)++ - '0');
  return value;
}

/* Writes the path of a file in /proc/PID. The path has room for 32 bytes. */
static void process_file(u8 *path, u64 pid, const char *name) {
  u8 digits[20];
  u32 at = 0, count = 0;
  for (const char *word = "/proc/"; *word; word++) path[at++] = (u8)*word;
  do digits[count++] = (u8)('0' + pid % 10);
  while ((pid /= 10) && count < sizeof digits - 9);
  while (count) path[at++] = digits[--count];
  for (; *name; name++) path[at++] = (u8)*name;
  path[at] = 0;
}

/* Writes the path of an own descriptor. The path has room for 48 bytes. */
static void own_file(u8 *path, u64 fd) {
  static const char beginning[] = "/proc/self/fd/";
  u8 digits[20];
  u32 count = 0;
  for (const char *word = beginning; *word; word++) *path++ = (u8)*word;
  do digits[count++] = (u8)('0' + fd % 10);
  while (fd /= 10);
  while (count) *path++ = digits[--count];
  *path = 0;
}

/* Returns 0, or a negative error. proc_pid_stat(5): the name can contain any
 * character, so fields are counted from the last parenthesis. */
static i64 is_alive(u64 pid, u64 started) {
  u8 path[32], text[1024];
  process_file(path, pid, "/stat");
  i64 fd = syscall6(SYS_openat, (u64)AT_FDCWD, (u64)path, O_CLOEXEC, 0, 0, 0);
  if (fd < 0) return fd == -ENOENT ? -ESRCH : fd;
  i64 size = syscall6(SYS_read, (u64)fd, (u64)text, sizeof text - 1, 0, 0, 0);
  syscall6(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
  if (size <= 0) return size ? size : -EIO;
  text[size] = 0;
  const u8 *field = text + size;
  while (field > text && *field != ')') field--;
  if (field == text || !field[1]) return -EIO;
  field += 2;
  if (*field == 'Z' || *field == 'X') return -ESRCH;
  for (u32 spaces = 0; spaces < 19; field++) {
    if (!*field) return -EIO;
    if (*field == ' ') spaces++;
  }
  return number(&field) == started ? 0 : -ESRCH;
}

/* The descriptor stands for the process that has this number now. If the start
 * time, read after that, is the expected one, it is the right process and stays
 * so. */
static i64 end(u64 pid, u64 started, i64 patience) {
  i64 fd = syscall6(SYS_pidfd_open, pid, 0, 0, 0, 0, 0);
  if (fd < 0) return fd;
  i64 result = is_alive(pid, started);
  if (!result) result = syscall6(SYS_pidfd_send_signal, (u64)fd, SIGKILL, 0, 0, 0, 0);
  if (!result) {
    struct { i32 fd; i16 events, found; } poll = {(i32)fd, POLLIN, 0};
    i64 time[2] = {patience / 1000, patience % 1000 * 1000000};
    result = syscall6(SYS_ppoll, (u64)&poll, 1, (u64)time, 0, 0, 0);
    result = result == 1 ? 0 : result ? result : -ETIME;
  }
  syscall6(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
  return result;
}

static i32 is_inside(u64 place, u64 length) {
  u64 end = BASE + plan->size;
  return place >= BASE && place <= end && length <= end - place;
}

/* Compares only the bits of a mask. */
static i32 same_masked(u64 found, u64 wanted, u64 length, u64 mask) {
  if (!is_inside(found, length) || !is_inside(wanted, length) || !is_inside(mask, length)) return 0;
  const volatile u8 *p = (u8 *)found, *q = (u8 *)wanted, *bits = (u8 *)mask;
  while (length--)
    if ((*p++ ^ *q++) & *bits++) return 0;
  return 1;
}

static i32 equal(const u8 *word, const char *other);
static i32 owners_live(const u8 *directory);
static i64 is_outside(u64 directory, u64 other);

/* Opened for reading only here: to open a device has effects, and a pipe may
 * have no end. */
static i64 has_content(u64 place, u64 wanted, u64 length) {
  struct statx file;
  u8 path[48], piece[4096];
  i64 result = syscall6(SYS_statx, place, (u64) "", AT_EMPTY_PATH, STATX_BASIC, (u64)&file, 0);
  if (result) return result;
  if ((file.mode & S_IFMT) != S_IFREG || !is_inside(wanted, length)) return -ESTALE;
  own_file(path, place);
  i64 fd = syscall6(SYS_openat, (u64)AT_FDCWD, (u64)path, O_CLOEXEC | O_NONBLOCK, 0, 0, 0);
  if (fd < 0) return fd;
  while ((result = syscall6(SYS_read, (u64)fd, (u64)piece, sizeof piece, 0, 0, 0)) > 0) {
    u64 count = (u64)result;
    i32 is_same = count <= length;
    for (u64 i = 0; is_same && i < count; i++) is_same = piece[i] == ((const volatile u8 *)wanted)[i];
    if (!is_same) break;
    wanted += count;
    length -= count;
  }
  syscall6(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
  return result < 0 ? result : result || length ? -ESTALE : 0;
}

static i64 is_at(u64 fd, const u8 *wanted) {
  u8 path[48], found[4096];
  own_file(path, fd);
  i64 length = syscall6(SYS_readlinkat, (u64)AT_FDCWD, (u64)path, (u64)found, sizeof found - 1, 0, 0);
  if (length < 0) return length;
  found[length] = 0;
  return equal(found, (const char *)wanted) ? 0 : -ESTALE;
}

static i64 extra(volatile struct step *s, const u64 *a, u32 at) {
  if (s->nr == OP_COMPARE_MASKED) return same_masked(a[0], a[1], a[2], a[3]) ? 0 : -(i64)s->unwanted;
  if (s->nr == OP_OWNERS_LIVE) return owners_live((const u8 *)a[0]) ? 0 : -EBUSY;
  if (s->nr == OP_IS_OUTSIDE) return is_outside(a[0], a[1]);
  if (s->nr == OP_HAS_CONTENT) return has_content(a[0], a[1], a[2]);
  if (s->nr == OP_IS_AT) return is_at(a[0], (const u8 *)a[1]);
  if (s->nr == OP_IS_PROCESS) return is_alive(a[0], a[1]);
  if (s->nr == OP_END_PROCESS) return end(a[0], a[1], (i64)a[2]);
  fail(at, ENOEXEC);
  return 0;
}

/*
 * The part of launch/native/keeper.c that writes the log: entries with the
 * time, in the format described there. A full file is renamed and a new one
 * begins.
 */

/* Writes a number with at least `width` digits; returns their end. */
static char *digits(char *at, u64 number, u32 width) {
  char reversed[20];
  u32 count = 0;
  do {
    reversed[count++] = (char)('0' + number % 10);
    number /= 10;
  } while (number);
  for (; width > count; width--) *at++ = '0';
  while (count) *at++ = reversed[--count];
  return at;
}

static struct timespec clock(u32 which) {
  struct timespec time = {0, 0};
  call(SYS_clock_gettime, which, (u64)&time, 0, 0, 0);
  return time;
}

/* RFC 3339 in UTC with nanoseconds: 30 characters. Years are counted from
 * March, so a leap day is the last day of its year. */
static void tell_time(void) {
  struct timespec time = clock(0);
  u64 days = (u64)time.seconds / 86400 + 719468, left = (u64)time.seconds % 86400;
  u64 era = days / 146097, day = days % 146097;
  u64 year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
  day -= 365 * year + year / 4 - year / 100;
  u64 month = (5 * day + 2) / 153;
  day = day - (153 * month + 2) / 5 + 1;
  year += era * 400;
  if (month < 10) month += 3;
  else month -= 9, year++;
  char *at = digits(now, year, 4);
  *at++ = '-', at = digits(at, month, 2);
  *at++ = '-', at = digits(at, day, 2);
  *at++ = 'T', at = digits(at, left / 3600, 2);
  *at++ = ':', at = digits(at, left / 60 % 60, 2);
  *at++ = ':', at = digits(at, left % 60, 2);
  *at++ = '.', at = digits(at, (u64)time.nanoseconds, 9);
  *at++ = 'Z', *at = 0;
}

/* Returns how many bytes could not be written. */
static u64 write_all(i32 fd, const void *bytes, u64 length) {
  const u8 *at = bytes;
  while (length) {
    i64 count = call(SYS_write, (u64)fd, (u64)at, length, 0, 0);
    if (count == -EINTR) continue;
    if (count < 0) break;
    at += count;
    length -= (u64)count;
  }
  return length;
}

static u64 end_of_log(void) {
  i64 size = log_fd < 0 ? 0 : call(SYS_lseek, (u64)log_fd, 0, 2, 0, 0);
  return size < 0 ? 0 : (u64)size;
}

/* Appends as many whole entries as fit; returns their size. */
static u64 append(const u8 *bytes, u64 length) {
  u64 written = length - write_all(log_fd, bytes, length), kept = written;
  /* Somebody may have read whole entries by now: those stay. */
  if (written < length) while (kept && bytes[kept - 1] != '\n') kept--;
  /* Somebody may have truncated the file. */
  if (kept < written) call(SYS_ftruncate, (u64)log_fd, end_of_log() - (written - kept), 0, 0, 0);
  log_size += kept;
  return kept;
}

#define BEFORE " before F "
enum { BEFORE_AT = 30, BEFORE_SIZE = sizeof BEFORE - 1, BEFORE_DIGITS = 20 };

/* A new file begins with the number of log bytes in older files. */
static void open_log(void) {
  static char text[BEFORE_AT + BEFORE_SIZE + BEFORE_DIGITS + 1];
  log_fd = (i32)call(SYS_openat, KEPT_DIRECTORY, (u64) "log", 2 /* O_RDWR */ | O_CREAT | O_APPEND | O_CLOEXEC, 0600, 0);
  log_size = end_of_log();
  if (!log_size && log_before) {
    copy((u8 *)text, (const u8 *)now, BEFORE_AT);
    copy((u8 *)text + BEFORE_AT, (const u8 *)BEFORE, BEFORE_SIZE);
    *digits(text + BEFORE_AT + BEFORE_SIZE, log_before, BEFORE_DIGITS) = '\n';
    append((u8 *)text, sizeof text);
  }
  /* The file of an earlier keeper. */
  if (!log_size || call(SYS_pread64, (u64)log_fd, (u64)text, sizeof text, 0, 0) != sizeof text) return;
  for (u32 i = 0; i < BEFORE_SIZE; i++) if (text[BEFORE_AT + i] != BEFORE[i]) return;
  log_before = 0;
  for (u32 i = BEFORE_AT + BEFORE_SIZE; i < sizeof text - 1; i++) log_before = log_before * 10 + (u64)(text[i] - '0');
}

/* Renames the full file and begins a new one. */
static void renew_log(void) {
  await_clients();
  call(SYS_renameat, KEPT_DIRECTORY, (u64) "log", KEPT_DIRECTORY, (u64) "log.1", 0);
  if (log_fd >= 0) call(SYS_close, (u64)log_fd, 0, 0, 0, 0);
  log_before += log_size;
  open_log();
  if (log_fd >= 0 && memory < 0) offer(0, 0);
}

/* Whether the file is full. Where no line is unfinished, it counts as full a
 * little earlier: the rest of a line that begins now might not fit, and no line
 * should continue in the next file. */
static i32 full(void) {
  u64 rest = begun ? 0 : config.log_max / 4;
  if (rest > sizeof output) rest = sizeof output;
  return config.log_max && log_size && log_size + pending + rest > config.log_max;
}

/* Writes whole entries. Entries that do not fit are dropped, and so is all
 * output until the log says how many bytes are missing. */
static void flush(void) {
  u64 kept = 0;
  if (!pending) return;
  if (!shut) {
    if (full()) renew_log();
    if (log_fd < 0) {
      open_log();
      if (log_fd >= 0 && memory < 0) offer(0, end_of_log());
    }
    kept = append(output, pending);
    if (kept) leave_memory(end_of_log() - kept);
  }
  if (kept < pending) {
    shut = 1;
    dropped += pending - kept;
    keep_in_memory(output + kept, pending - (u32)kept);
  }
  if (kept) wake_all();
  pending = 0;
  begun = unended;
}

static void add(const void *bytes, u64 length) {
  copy(output + pending, bytes, length);
  pending += (u32)length;
}

static void entry(const char *stream, const u8 *text, u32 length, i32 ended) {
  if (pending + length + 64 > sizeof output) flush();
  add(now, 30);
  add(" ", 1);
  add(stream, length_of(stream));
  add(ended ? " F " : " P ", 3);
  add(text, length);
  add("\n", 1);
}

/* Writes how many bytes were dropped, once there is room for more than that.
 * Returns whether it did. */
static i32 note_dropped(void) {
  static char text[128];
  struct { i64 type, size, blocks, free, available, rest[10]; } disk;
  if (full()) renew_log(); /* makes room */
  if (call(SYS_fstatfs, KEPT_DIRECTORY, (u64)&disk, 0, 0, 0) == 0 && disk.available * disk.size < ROOM) return 0;
  if (log_fd < 0) open_log();
  copy((u8 *)text, (const u8 *)now, 30);
  copy((u8 *)text + 30, (const u8 *)" keeper F ", 10);
  char *at = digits(text + 40, dropped, 0);
  const char *what = " bytes of the log could not be written\n";
  copy((u8 *)at, (const u8 *)what, length_of(what));
  u64 size = (u64)(at - text) + length_of(what);
  if (append((u8 *)text, size) < size) return 0;
  dropped = 0;
  leave_memory(end_of_log() - size);
  wake_all();
  return 1;
}

static void keep_log(const char *stream, u32 length) {
  tell_time();
  shut = dropped && !note_dropped();
  for (u32 from = 0, to = 0; from < length; from = to) {
    while (to < length && input[to] != '\n') to++;
    i32 ended = to < length;
    entry(stream, input + from, to - from, ended);
    u32 line = stream[3] == 'o' ? 1 : 2; /* stdout, stderr */
    unended = ended ? unended & ~line : unended | line;
    /* The next entry may begin a new file. */
    if (begun && !unended) flush();
    to += (u32)ended;
  }
  flush();
}

/* Reads once; returns false at the end of the stream. */
static i32 pass(i32 fd, const char *stream) {
  i64 count = call(SYS_read, (u64)fd, (u64)input, sizeof input, 0, 0);
  if (count > 0) keep_log(stream, (u32)count);
  return count > 0 || count == -EINTR || count == -EAGAIN;
}

/* Reads what is there now and no more: another process may hold the stream open
 * and write as fast as this reads. */
static void drain(i32 fd, const char *stream) {
  if (fd < 0) return;
  i64 left = call(SYS_fcntl, (u64)fd, F_GETPIPE_SZ, 0, 0, 0), count;
  if (left < 0) left = TERMINAL_SIZE;
  while (left > 0) {
    count = call(SYS_read, (u64)fd, (u64)input, sizeof input, 0, 0);
    if (count == -EINTR) continue;
    if (count <= 0) return;
    keep_log(stream, (u32)count);
    left -= count;
  }
}

/*
 * The part of launch/native/entry.c for command lines whose output is known
 * when the executable is built: versions and help texts.
 */

/* Written by launch/known_texts.ts. `bytes` holds the command lines, then the text.
 * A command line is the number of its words, then the words with a NUL each. */
struct known_text {
  u64 size, lines, length;
  u8 bytes[];
};

static i32 is_asked(const struct known_text *known, const u8 **words, i64 count) {
  const u8 *line = known->bytes, *end = line + known->lines;
  while (line < end) {
    i64 length = *line++;
    i32 is_same = length == count;
    for (i64 i = 0; i < length; i++, line = next(line))
      is_same = is_same && equal(words[i], (const char *)line);
    if (is_same) return 1;
  }
  return 0;
}

/* Returns if nothing can be written: the runtime reports the reason. A reader
 * that has closed its end is no error. */
static void print(const u8 *text, u64 length) {
  u64 set = BIT(SIGPIPE), before = 0;
  syscall6(SYS_rt_sigprocmask, 0 /* SIG_BLOCK */, (u64)&set, (u64)&before, 8, 0, 0);
  while (length) {
    i64 written = syscall6(SYS_write, 1, (u64)text, length, 0, 0, 0);
    if (written == -EPIPE) break;
    if (written < 0) {
      syscall6(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, (u64)&before, 0, 8, 0, 0);
      return;
    }
    text += written;
    length -= (u64)written;
  }
  leave(0);
}

/* Returns only if the runtime has to start. */
static void print_known_text(const i64 *stack) {
  const struct plain *plain = plain_runs();
  if ((const u8 *)plain == _start) return;
  /* The texts come behind the plain runs. */
  while (plain->size) plain = (const struct plain *)((const u8 *)plain + plain->size);
  const struct known_text *known = (const struct known_text *)(&plain->size + 1);
  for (; known->size; known = (const struct known_text *)((const u8 *)known + known->size))
    if (is_asked(known, (const u8 **)&stack[2], stack[0] - 1))
      return print(known->bytes + known->lines, known->length);
}

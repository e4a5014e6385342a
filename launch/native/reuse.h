/*
 * Reused plans: a run that Deno's runtime has carried out leaves its compiled
 * plan, with guards (containers/reuse/keep.ts), and this code carries it out
 * when the same command line is run again. No runtime starts.
 *
 * Nothing is decided here. A plan is used only if the user of this process has
 * written it, this program has written it, and the command line, the working
 * directory, the cgroup, the streams and the variables are the same. What else
 * its decision has read is checked by its guards. If anything differs, the
 * runtime starts and does everything.
 */

/* The file; launch/reused_plan.ts writes it. Behind the plan are texts that each
 * end with a NUL: the key, as it is, the variables (a list), and the id maps. */
struct reused {
  u64 magic, size, sum; /* of the bytes that follow */
  u64 program[REUSED_PROGRAM];
  u64 flags, words, key; /* the last words are the command; the length of the key */
  struct plain plain;
};

enum {
  MOST_KEY = 64 << 10, MOST_GROUPS = 8192, NAME_SIZE = 16, PRIVATE = 077,
};

/* The inode of the initial user namespace, include/linux/proc_ns.h: only there
 * does every user have a number of his own. */
#define INITIAL_USER_NAMESPACE 0xeffffffdUL

/* capget(2): a user without capabilities could write a plan for a process of the
 * same user with some. Root may do everything anyway. */
static i32 gains_nothing(void) {
  u32 header[2] = {0x20080522 /* _LINUX_CAPABILITY_VERSION_3 */, 0}, sets[6] = {0}, all = 0;
  if (!syscall6(SYS_geteuid, 0, 0, 0, 0, 0, 0)) return 1;
  if (syscall6(SYS_capget, (u64)header, (u64)sets, 0, 0, 0, 0)) return 0;
  for (u32 i = 0; i < 6; i++) all |= sets[i];
  return !all;
}

static i32 is_itself(void) {
  struct statx file;
  return syscall6(SYS_getuid, 0, 0, 0, 0, 0, 0) == syscall6(SYS_geteuid, 0, 0, 0, 0, 0, 0) &&
         syscall6(SYS_getgid, 0, 0, 0, 0, 0, 0) == syscall6(SYS_getegid, 0, 0, 0, 0, 0, 0) &&
         !syscall6(SYS_statx, (u64)AT_FDCWD, (u64) "/proc/self/ns/user", 0, STATX_BASIC, (u64)&file, 0) &&
         file.ino == INITIAL_USER_NAMESPACE && gains_nothing();
}

/* Opens a directory or a file that belongs to this user, and whose mode has none
 * of these bits. */
static i64 open_own(i64 at, const u8 *path, u64 flags, u16 type, u16 refused, struct statx *file) {
  i64 fd = syscall6(SYS_openat, (u64)at, (u64)path, flags | O_NOFOLLOW | O_CLOEXEC, 0, 0, 0);
  if (fd < 0) return fd;
  if (!syscall6(SYS_statx, (u64)fd, (u64) "", AT_EMPTY_PATH, STATX_BASIC, (u64)file, 0) &&
      (file->mode & S_IFMT) == type && !(file->mode & refused) &&
      file->uid == (u32)syscall6(SYS_geteuid, 0, 0, 0, 0, 0, 0))
    return fd;
  syscall6(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
  return -EACCES;
}

/* Opens the directory of the plans, below the state directory
 * (containers/run/state_directory.ts) if that is in memory. Root's is always the
 * same: root never reads a user's plans. */
static i64 open_plans(const i64 *stack) {
  struct statx file;
  u8 path[4096];
  u32 at = 0;
  const u8 *base = (const u8 *)"/run";
  if (syscall6(SYS_geteuid, 0, 0, 0, 0, 0, 0)) base = variable(stack, "XDG_RUNTIME_DIR=");
  if (!base || *base != '/' || !append(path, &at, base) || !append(path, &at, (const u8 *)"/container")) return -ENOENT;
  i64 state = open_own(AT_FDCWD, path, O_PATH | O_DIRECTORY, S_IFDIR, WRITABLE_BY_OTHERS, &file);
  if (state < 0) return state;
  i64 plans = open_own(state, (const u8 *)"plans", O_PATH | O_DIRECTORY, S_IFDIR, PRIVATE, &file);
  syscall6(SYS_close, (u64)state, 0, 0, 0, 0, 0);
  return plans;
}

/* What a plan is looked up by. */
struct key {
  u8 *bytes;
  u64 length;
};

static i32 add_to_key(struct key *key, const u8 *text) {
  u64 length = (u64)(next(text) - text);
  if (length > MOST_KEY - key->length) return 0;
  copy(key->bytes + key->length, text, length);
  key->length += length;
  return 1;
}

/* The kinds of the streams, the working directory, the cgroups and the words,
 * like keyOf() of launch/reused_plan.ts. */
static i32 write_key(struct key *key, const struct plain_request *request, const i64 *stack) {
  u8 streams[5], path[4096], groups[MOST_GROUPS];
  for (u32 fd = 0; fd < 3; fd++) {
    struct statx file;
    if (syscall6(SYS_statx, fd, (u64) "", AT_EMPTY_PATH, STATX_BASIC, (u64)&file, 0)) return 0;
    streams[fd] = request->nulls[fd] ? 'n' : request->is_file[fd] ? 'f' : (file.mode & S_IFMT) == S_IFIFO ? 'p' : 's';
  }
  streams[3] = request->is_shared ? '1' : '0';
  streams[4] = 0;
  i64 length = syscall6(SYS_getcwd, (u64)path, sizeof path, 0, 0, 0, 0);
  if (length <= 0 || *path != '/' || !read_cgroups(groups, sizeof groups)) return 0;
  if (!add_to_key(key, streams) || !add_to_key(key, path) || !add_to_key(key, groups)) return 0;
  for (i64 i = 1; i < stack[0]; i++)
    if (!add_to_key(key, (const u8 *)stack[1 + i])) return 0;
  return 1;
}

static void write_hex(u8 *to, u32 number) {
  for (u32 i = 0; i < 8; i++) {
    u32 digit = number >> (28 - 4 * i) & 15;
    to[i] = (u8)(digit < 10 ? '0' + digit : 'a' + digit - 10);
  }
}

/* The name of the file. It only has to be found again: the file has the key. */
static void name_of(const struct key *key, u8 *name) {
  u32 one = REUSED_FIRST, other = REUSED_SECOND;
  for (u64 i = 0; i < key->length; i++) {
    one = (one ^ key->bytes[i]) * REUSED_FACTOR;
    other = (other ^ key->bytes[i]) * REUSED_OTHER_FACTOR;
  }
  write_hex(name, one);
  write_hex(name + 8, other);
  name[NAME_SIZE] = 0;
}

/* Finds any change of a single word, and nearly any other damage. */
static u64 sum_of(const u8 *bytes, u64 length) {
  u32 sum = REUSED_FIRST;
  for (u64 i = 0; i + 4 <= length; i += 4) sum = (sum ^ *(const u32 *)(bytes + i)) * REUSED_FACTOR;
  return sum;
}

/* The file of this program: its inode, size, time of change and device. */
static i32 is_of_program(const u64 *expected) {
  struct statx file;
  if (syscall6(SYS_statx, (u64)AT_FDCWD, (u64) "/proc/self/exe", 0, STATX_BASIC, (u64)&file, 0)) return 0;
  return file.ino == expected[0] && file.size == expected[1] && file.rest[6] == expected[2] &&
         (u32)file.rest[7] == expected[3] && file.dev_major == expected[4] && file.dev_minor == expected[5];
}

/* Whether the file is whole. Each length is checked before it is added. */
static i32 is_whole_plan(const struct reused *reused, u64 size) {
  const u64 head = (u64)((const u8 *)&reused->plain - (const u8 *)reused);
  if (size < head + sizeof(struct plain) || reused->magic != REUSED_MAGIC || reused->size != size || size % 8 ||
      reused->sum != sum_of((const u8 *)reused->program, size - 3 * sizeof(u64)) || ((const u8 *)reused)[size - 1])
    return 0;
  const struct plain *plain = &reused->plain;
  const u64 lengths[] = {plain->guards, plain->launch, plain->container, plain->process, plain->cleanup, plain->walker};
  u64 rest = size - head - sizeof(struct plain);
  if (plain->size < sizeof(struct plain) || plain->size > size - head) return 0;
  rest = plain->size - sizeof(struct plain);
  for (u32 i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    if (lengths[i] > rest || lengths[i] % 8) return 0;
    rest -= lengths[i];
  }
  return plain->guards >= sizeof(struct plan) && plain->launch >= sizeof(struct plan) && plain->walker &&
         reused->key <= size - head - plain->size;
}

/* Each text is NAME=VALUE, or NAME for a variable that is not set. */
static i32 has_variables(const i64 *stack, const u8 *list) {
  for (; *list; list = next(list)) {
    const u8 *found = 0, *end = list;
    while (*end && *end != '=') end++;
    u64 length = (u64)(end - list);
    for (const i64 *word = stack + 2 + stack[0]; *word && !found; word++) {
      const u8 *text = (const u8 *)*word;
      u64 i = 0;
      while (i < length && text[i] == list[i]) i++;
      if (i == length && text[i] == '=') found = text;
    }
    if (*end ? !found || !equal(found, (const char *)list) : found != 0) return 0;
  }
  return 1;
}

static i32 same_key(const struct key *key, const u8 *wanted, u64 length) {
  if (length != key->length) return 0;
  for (u64 i = 0; i < length; i++)
    if (key->bytes[i] != wanted[i]) return 0;
  return 1;
}

/* Reads the plan for this key; 0 if there is none. A file that changes meanwhile
 * has another sum. */
static const struct reused *read_reused(i64 plans, const struct key *key, u8 *place) {
  struct statx file;
  u8 name[NAME_SIZE + 1];
  name_of(key, name);
  i64 fd = open_own(plans, name, O_NONBLOCK, S_IFREG, PRIVATE, &file);
  if (fd < 0) return 0;
  i64 length = file.size > REUSED_MOST ? -1 : syscall6(SYS_read, (u64)fd, (u64)place, file.size, 0, 0, 0);
  syscall6(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
  const struct reused *reused = (const struct reused *)place;
  return length == (i64)file.size && is_whole_plan(reused, (u64)length) ? reused : 0;
}

/* Carries out a plan that is there; returns only if the runtime has to start. */
static void carry_out_reused(const struct reused *reused, const struct key *key, struct plain_request *request,
                             const i64 *stack, u64 exit_function) {
  const u8 *texts = (const u8 *)&reused->plain + reused->plain.size, *variables = texts + reused->key;
  if (!is_of_program(reused->program) || !same_key(key, texts, reused->key) || !has_variables(stack, variables) ||
      !reused->words || reused->words >= (u64)stack[0])
    return;
  request->is_quiet = (reused->flags & REUSED_QUIET) != 0;
  request->count = (u32)reused->words;
  request->command = (const u8 **)&stack[1 + stack[0] - (i64)reused->words];
  request->gids = behind(variables);
  request->uids = next(request->gids);
  request->denies_groups = (reused->flags & REUSED_DENIES_GROUPS) != 0;
  const struct expected expected = {(const u8 *)"", (const u8 *)""};
  /* The messages are those of every plain run. */
  const u8 *messages = behind(behind(next(next(texts_of(plain_runs())))));
  if (!carry_out_guards(&reused->plain, request, AS_ENTRY, stack, exit_function)) return;
  if (carry_out_plain(&reused->plain, request, &expected, messages)) proceed_quietly(stack, exit_function);
}

/* Returns only if the runtime has to start. */
static void run_reused(const i64 *stack, u64 exit_function) {
  struct plain_request request;
  const u8 *wish = variable(stack, "CONTAINER_REUSE=");
  if ((wish && equal(wish, "0")) || (const u8 *)plain_runs() == _start || !plain_runs()->size) return;
  i64 plans = open_plans(stack);
  if (plans < 0) return;
  clear_request(&request);
  i64 place = syscall6(SYS_mmap, 0, MOST_KEY + REUSED_MOST, PROT_READ_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, (u64)-1, 0);
  struct key key = {(u8 *)place, 0};
  const struct reused *reused = 0;
  if (is_mapped(place) && is_itself() && look_at_streams(&request) && write_key(&key, &request, stack))
    reused = read_reused(plans, &key, (u8 *)place + MOST_KEY);
  syscall6(SYS_close, (u64)plans, 0, 0, 0, 0, 0);
  if (reused) carry_out_reused(reused, &key, &request, stack, exit_function);
  if (is_mapped(place)) syscall6(SYS_munmap, (u64)place, MOST_KEY + REUSED_MOST, 0, 0, 0, 0);
}

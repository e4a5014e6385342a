/*
 * Looks for launch/native/plain_run.h at the command line and the streams: is
 * this `run` plain, and which plan is it? Whether everything is as the plan was
 * compiled for is checked by its guards, which are compiled too
 * (scripts/built_in/guards.ts). Nothing is changed here.
 */

/* Written by launch/plain_run.ts. `bytes` holds, one after the other: the
 * compiled guards and launch, the three programs of PID 1 if that is our
 * executable, the walker's executable, and texts that each end with a NUL. */
struct plain {
  u64 size, is_direct, guards, launch, container, process, cleanup, walker;
  u64 conditions[CONDITIONS]; /* the kinds that each includes, as bits */
  u8 bytes[];
};

static const u8 *launch_of(const struct plain *plain) { return plain->bytes + plain->guards; }
static const u8 *container_of(const struct plain *plain) { return launch_of(plain) + plain->launch; }
static const u8 *process_of(const struct plain *plain) { return container_of(plain) + plain->container; }
static const u8 *cleanup_of(const struct plain *plain) { return process_of(plain) + plain->process; }
static const u8 *walker_of(const struct plain *plain) { return cleanup_of(plain) + plain->cleanup; }
static const u8 *texts_of(const struct plain *plain) { return walker_of(plain) + plain->walker; }

enum {
  NULL_MAJOR = 1, NULL_MINOR = 3, S_IFCHR = 0020000, S_IFIFO = 0010000, S_IFSOCK = 0140000,
  KCMP_FILE = 0, MOST_VARIABLES = 64,
};

/* The parsed command line, the kind of run, and of each standard stream. */
struct plain_request {
  const u8 *root, *directory, *source, *target;
  const u8 **command;
  u32 count;
  u64 kind;
  i32 is_direct, is_quiet;
  u32 variables;
  const u8 *variable[MOST_VARIABLES]; /* --env, as K=V */
  i64 nulls[3];
  i32 is_file[3]; /* a file of the host: the command gets a pipe instead */
  i32 is_shared; /* standard output and error are the same open file */
  const u8 *gids, *uids; /* user_namespaces(7): the id maps; empty without */
  i32 denies_groups;
  u8 path[4096]; /* of the root filesystem that the program carries */
  u8 volume[4096];
};

/* Returns the text after this one. */
static const u8 *next(const u8 *text) {
  while (*text) text++;
  return text + 1;
}

/* Returns the end of a list of texts; an empty text ends the list. */
static const u8 *behind(const u8 *list) {
  while (*list) list = next(list);
  return list + 1;
}

/* After a bind mount on it, "." still leads to the directory below the mount. */
static i32 ends_in_dot(const u8 *path) {
  const u8 *last = path;
  for (; *path; path++)
    if (*path == '/' && path[1]) last = path + 1;
  return *last == '.' && (!last[1] || last[1] == '/');
}

/* Returns the value of a flag, which is in the same word or the next one; 0 for
 * another flag. */
static const u8 *value_of(const u8 ***word, const char *name) {
  const u8 *rest = after(**word, name);
  if (!rest || (*rest && *rest != '=')) return 0;
  return *rest ? rest + 1 : (*word)[1] ? *++*word : 0;
}

/* The value of a short flag is in the next word. */
static const u8 *long_or_short(const u8 ***word, const char *name, const char *letter) {
  if (equal(**word, letter)) return (*word)[1] ? *++*word : 0;
  return value_of(word, name);
}

static i32 is_letter(u8 c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

/* K=V with a usual name. The command is looked up in PATH, so that one is not
 * set here. */
static i32 add_variable(struct plain_request *request, const u8 *text) {
  const u8 *name = text;
  while (is_letter(*name) || (name > text && *name >= '0' && *name <= '9')) name++;
  if (name == text || *name != '=' || after(text, "PATH=") || request->variables == MOST_VARIABLES) return 0;
  request->variable[request->variables++] = text;
  return 1;
}

/* Absolute, without links to itself or the directory above, and without a
 * slash at the end. */
static i32 is_exact(const u8 *path) {
  if (*path != '/') return 0;
  for (; *path; path++)
    if (*path == '/' && (!path[1] || path[1] == '/' ||
                         (path[1] == '.' && (!path[2] || path[2] == '/' || (path[2] == '.' && (!path[3] || path[3] == '/'))))))
      return 0;
  return 1;
}

/* Whether a path is at the top of the root filesystem, where no other mount is
 * and none is below. */
static i32 is_free(const u8 *path) {
  /* One text, because nothing here is relocated. */
  static const char taken[] = TAKEN_AT_TOP;
  for (const u8 *place = (const u8 *)taken; *place; place = next(place))
    if (equal(path, (const char *)place)) return 0;
  while (*++path)
    if (*path == '/') return 0;
  return 1;
}

/* SOURCE:TARGET or SOURCE:TARGET:ro; one volume only. */
static i32 take_volume(struct plain_request *request, const u8 *text) {
  u32 at = 0;
  if (request->kind & KIND_VOLUME || !append(request->volume, &at, text)) return 0;
  request->kind |= KIND_VOLUME;
  request->source = request->volume;
  request->target = 0;
  for (u8 *c = request->volume; *c; c++)
    if (*c == ':') {
      *c = 0;
      if (!request->target) request->target = c + 1;
      else if (equal(c + 1, "ro")) request->kind |= KIND_READ_ONLY_VOLUME;
      else return 0;
      if (request->kind & KIND_READ_ONLY_VOLUME) break;
    }
  return request->target && is_exact(request->source) && is_exact(request->target) && is_free(request->target);
}

/* The command starts in / by default. */
static i32 take_directory(struct plain_request *request, const u8 *path) {
  request->directory = path;
  request->kind &= ~(u64)KIND_DIRECTORY;
  if (equal(path, "/")) return 1;
  request->kind |= KIND_DIRECTORY;
  return is_exact(path);
}

/* A word with a registry, a tag or a digest is an image, and only the runtime
 * knows images. */
static i32 may_be_image(const u8 *word) {
  if (*word == '/' || *word == '.') return 0;
  for (; *word; word++)
    if (*word == ':' || *word == '@' || *word == '/') return 1;
  return 0;
}

static void clear_request(struct plain_request *request) {
  request->kind = request->is_direct = request->is_quiet = request->variables = request->denies_groups = 0;
  request->root = request->directory = request->source = request->target = request->gids = request->uids = (const u8 *)"";
}

static i32 understand_plain(const u8 **word, struct plain_request *request) {
  clear_request(request);
  request->root = 0;
  for (; *word && **word == '-'; word++) {
    const u8 *value;
    if (equal(*word, "--")) {
      word++;
      break;
    } else if (equal(*word, "-q") || equal(*word, "--quiet")) request->is_quiet = 1;
    else if (equal(*word, "--no-init")) request->is_direct = 1;
    else if (equal(*word, "--read-only")) request->kind |= KIND_READ_ONLY;
    else if (equal(*word, "--rm") || equal(*word, "-i") || equal(*word, "--interactive")) continue; /* the default */
    else if ((value = value_of(&word, "--rootfs"))) request->root = value;
    else if ((value = long_or_short(&word, "--env", "-e"))) {
      if (!add_variable(request, value)) return 0;
    } else if ((value = long_or_short(&word, "--workdir", "-w"))) {
      if (!take_directory(request, value)) return 0;
    } else if ((value = long_or_short(&word, "--volume", "-v"))) {
      if (!take_volume(request, value)) return 0;
    } else if ((value = value_of(&word, "--network")) || (value = value_of(&word, "--net"))) {
      if (!equal(value, "none")) return 0; /* the default */
    } else
      return 0;
  }
  request->command = word;
  while (*word) word++;
  request->count = (u32)(word - request->command);
  const u8 *root = request->root;
  return request->count && **request->command && (root || !may_be_image(*request->command)) &&
         (!root || (*root && *root != '-' && !ends_in_dot(root) && !equal(root, "empty")));
}

/* Returns the value of the first variable of this name, or 0. */
static const u8 *variable(const i64 *stack, const char *name) {
  const u8 *value = 0;
  for (const i64 *word = stack + 2 + stack[0]; *word && !value; word++) value = after((const u8 *)*word, name);
  return value;
}

/* Without --rootfs it is ./fs, or else the tree that the program carries, if it
 * is unpacked already. The checks are those of rootfs/embedded.ts. */
static i32 find_root(struct plain_request *request, const i64 *stack, const u8 *digest) {
  struct statx file;
  u8 *path = request->path;
  u32 at = 0;
  if (request->root) return 1;
  request->root = (const u8 *)"./fs";
  i64 found = syscall6(SYS_statx, (u64)AT_FDCWD, (u64)request->root, 0, STATX_BASIC, (u64)&file, 0);
  if (!found) return 1;
  const u8 *base = variable(stack, "XDG_CACHE_HOME="), *below = (const u8 *)"/container/";
  if (!base || *base != '/') {
    base = variable(stack, "HOME=");
    if (!base || !*base) base = (const u8 *)"/root";
    below = (const u8 *)"/.cache/container/";
  }
  if (found != -ENOENT || !*digest || *base != '/' || !append(path, &at, base) || !append(path, &at, below)) return 0;
  path[--at] = 0;
  if (syscall6(SYS_statx, (u64)AT_FDCWD, (u64)path, AT_SYMLINK_NOFOLLOW, STATX_BASIC, (u64)&file, 0) ||
      (file.mode & S_IFMT) != S_IFDIR || file.mode & WRITABLE_BY_OTHERS ||
      file.uid != (u32)syscall6(SYS_geteuid, 0, 0, 0, 0, 0, 0))
    return 0;
  path[at++] = '/';
  if (!append(path, &at, digest) || !append(path, &at, (const u8 *)"/rootfs")) return 0;
  u32 end = at;
  if (!append(path, &at, (const u8 *)"/bin/busybox") ||
      syscall6(SYS_statx, (u64)AT_FDCWD, (u64)path, AT_SYMLINK_NOFOLLOW, STATX_BASIC, (u64)&file, 0))
    return 0;
  path[end] = 0;
  request->root = path;
  return 1;
}

/* The kinds of the standard streams, as in containers/decide/streams.ts. The
 * null device is recognised by its numbers and replaced by the container's own;
 * files go through pipes. The runtime handles terminals and streams that are
 * refused. */
static i32 look_at_streams(struct plain_request *request) {
  for (u32 fd = 0; fd < 3; fd++) {
    struct statx file;
    if (syscall6(SYS_statx, fd, (u64) "", AT_EMPTY_PATH, STATX_BASIC, (u64)&file, 0)) return 0;
    u32 type = file.mode & S_IFMT;
    request->nulls[fd] = type == S_IFCHR && file.rdev_major == NULL_MAJOR && file.rdev_minor == NULL_MINOR;
    request->is_file[fd] = type == S_IFREG || type == S_IFBLK;
    if (!request->nulls[fd] && !request->is_file[fd] && type != S_IFIFO && type != S_IFSOCK) return 0;
  }
  u64 pid = (u64)syscall6(SYS_getpid, 0, 0, 0, 0, 0, 0);
  i64 order = request->is_file[1] && request->is_file[2] ? syscall6(SYS_kcmp, pid, pid, KCMP_FILE, 1, 2, 0) : 1;
  request->is_shared = !order;
  return order >= 0;
}

/* Reads /proc/self/cgroup; fails if it does not fit. */
static i32 read_cgroups(u8 *text, i64 room) {
  i64 fd = syscall6(SYS_openat, (u64)AT_FDCWD, (u64) "/proc/self/cgroup", O_CLOEXEC, 0, 0, 0);
  if (fd < 0) return 0;
  i64 size = syscall6(SYS_read, (u64)fd, (u64)text, (u64)room - 1, 0, 0, 0);
  syscall6(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
  if (size <= 0 || size == room - 1) return 0;
  text[size] = 0;
  return 1;
}

/* Whether it names exactly these v1 hierarchies, one per line, or none. */
static i32 has_hierarchies(const u8 *text, const u8 *names) {
  for (const u8 *at = text; *at; at++) {
    while (*at && *at != ':') at++;
    if (!*at++) return 0;
    /* The v2 hierarchy has no name; it is not mounted in addition to v1. */
    if (*at != ':') {
      while (*at && *at != ':')
        if (*at++ != *names++) return 0;
      if (*names++ != '\n') return 0;
    }
    while (*at && *at != '\n') at++;
    if (!*at) break;
  }
  return !*names;
}

/* Two numbers that only this file has. */
static i64 identify(u64 fd, u64 *identity) {
  struct statx file;
  i64 result = syscall6(SYS_statx, fd, (u64) "", AT_EMPTY_PATH, STATX_BASIC, (u64)&file, 0);
  identity[0] = file.ino;
  identity[1] = (u64)file.dev_major << 32 | file.dev_minor;
  return result;
}

/* Whether an open directory is neither another one nor below it. The directory
 * above / is / itself. */
static i64 is_outside(u64 directory, u64 other) {
  u64 top[2], here[2], below[2] = {0, 0};
  i64 result = identify(other, top);
  i64 fd = result ? result : syscall6(SYS_fcntl, directory, F_DUPFD_CLOEXEC, 0, 0, 0, 0);
  while (fd >= 0) {
    result = identify((u64)fd, here);
    if (!result && here[0] == top[0] && here[1] == top[1]) result = -EXDEV;
    i64 above = syscall6(SYS_openat, (u64)fd, (u64) "..", O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0, 0);
    syscall6(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
    fd = above;
    if (result || (here[0] == below[0] && here[1] == below[1])) break;
    below[0] = here[0];
    below[1] = here[1];
  }
  if (fd < 0) return fd;
  syscall6(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
  return result;
}

/* Whether the command that a record belongs to is alive. The name ends in
 * .PID.START; see launch/host/undo_file.ts, which judges by the same two. */
static i32 is_of_living(const u8 *name) {
  const u8 *pid = 0, *started = 0;
  for (; *name; name++)
    if (*name == '.') pid = started, started = name + 1;
  if (!pid || started - pid < 2 || !*started) return 0;
  u64 number_of_process = number(&pid), start_time = number(&started);
  return *pid == '.' && !*started && !is_alive(number_of_process, start_time);
}

/* Whether each record is of a living command. What a killed one has made on the
 * host is taken back by the runtime. */
static i32 owners_live(const u8 *directory) {
  struct { u64 ino; i64 off; u16 length; u8 type, name[]; } *entry;
  u64 entries[512];
  i64 fd = syscall6(SYS_openat, (u64)AT_FDCWD, (u64)directory, O_CLOEXEC, 0, 0, 0);
  if (fd < 0) return fd == -ENOENT;
  i64 size;
  i32 is_clean = 1;
  while (is_clean && (size = syscall6(SYS_getdents64, (u64)fd, (u64)entries, sizeof entries, 0, 0, 0)))
    for (i64 at = 0; is_clean && (is_clean = size > 0) && at < size; at += entry->length) {
      entry = (void *)((u8 *)entries + at);
      is_clean = equal(entry->name, ".") || equal(entry->name, "..") || is_of_living(entry->name);
    }
  syscall6(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
  return is_clean;
}

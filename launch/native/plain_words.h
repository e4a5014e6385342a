/*
 * Puts the words of a plain run where its compiled plan expects them, for
 * launch/native/plain_run.h.
 */

enum { MOST_TEXTS = 64 << 10 };

/* Free space after a compiled plan, for texts that the walker finds by address.
 * The addresses are those that the plan will have where it is mapped. */
struct room {
  u8 *bytecode, *to;
};

static i64 address_in(const struct room *room, const u8 *place) {
  return (i64)(BASE + (u64)(place - room->bytecode));
}

static i64 put(struct room *room, const u8 *text) {
  i64 address = address_in(room, room->to);
  do *room->to++ = *text;
  while (*text++);
  return address;
}

/* Writes an argv: our own words, then others. */
static i64 put_words(struct room *room, const u8 **ours, const u8 **others) {
  u32 count = 0;
  room->to = (u8 *)(((u64)room->to + 7) & ~7UL);
  i64 *argv = (i64 *)room->to;
  for (const u8 **word = ours; *word; word++) count++;
  for (const u8 **word = others; *word; word++) count++;
  room->to += 8 * (count + 1);
  count = 0;
  for (; *ours; ours++) argv[count++] = put(room, *ours);
  for (; *others; others++) argv[count++] = put(room, *others);
  argv[count] = 0;
  return address_in(room, (const u8 *)argv);
}

static u64 length_of(const u8 **words) {
  u64 size = 16;
  for (; *words; words++) size += (u64)(next(*words) - *words) + 8;
  return size;
}

static void put_number(struct room *room, u64 number) {
  u8 digits[20];
  u32 count = 0;
  do digits[count++] = (u8)('0' + number % 10);
  while (number /= 10);
  while (count) *room->to++ = digits[--count];
}

static void put_letters(struct room *room, const char *text) {
  while (*text) *room->to++ = (u8)*text++;
}

/* `running [true] as 1`, like announcement() of plan/child.ts. Returns its
 * length. */
static u64 put_announcement(struct room *room, const struct plain_request *request, u64 pid) {
  const u8 *from = room->to;
  put_letters(room, "running [");
  for (u32 i = 0; i < request->count; i++) {
    put(room, request->command[i]);
    room->to[-1] = i + 1 < request->count ? ' ' : ']';
  }
  put_letters(room, " as ");
  put_number(room, pid);
  put_letters(room, "\n");
  return (u64)(room->to - from);
}

/* The paths, and what belongs to this kind of run. */
static void put_places(struct room *room, const struct plain_request *request, const u64 *conditions) {
  struct plan *header = (struct plan *)room->bytecode;
  header->slot[PLAIN_ROOT] = put(room, request->root);
  header->slot[PLAIN_WORKDIR] = put(room, request->directory);
  header->slot[PLAIN_VOLUME_SOURCE] = put(room, request->source);
  header->slot[PLAIN_VOLUME_TARGET] = put(room, request->target);
  for (u32 i = 0; i < CONDITIONS; i++) header->slot[PLAIN_CONDITION + i] = conditions[i] >> request->kind & 1;
}

/* The streams that become the null device of the root filesystem. */
static void put_nulls(struct room *room, const struct plain_request *request) {
  struct plan *header = (struct plan *)room->bytecode;
  for (u32 i = 0; i < 3; i++) {
    header->slot[PLAIN_NULL0 + i] = request->nulls[i];
    header->slot[PLAIN_ANY_NULL] |= request->nulls[i];
  }
}

/* Where a plan expects the command: `directories` in which it is looked up, and
 * its variables without --env. */
struct expected {
  const u8 *directories, *variables;
};

static i32 is_same_variable(const u8 *one, const u8 *other) {
  for (; *one == *other; one++, other++)
    if (*one == '=') return 1;
  return 0;
}

static i32 has_variable(const u8 **variables, u32 count, const u8 *variable) {
  while (count--)
    if (is_same_variable(variables[count], variable)) return 1;
  return 0;
}

/* Like containers/decide/environment.ts: a variable has the place of its first
 * mention, and its last value. */
static i64 put_variables(struct room *room, const struct plain_request *request, const u8 *ours) {
  const u8 *all[2 * MOST_VARIABLES + 1], *none = 0;
  u32 count = 0;
  for (; *ours && count < MOST_VARIABLES; ours = next(ours)) all[count++] = ours;
  for (u32 i = 0; i < request->variables; i++)
    if (!has_variable(all, count, request->variable[i])) all[count++] = request->variable[i];
  for (u32 i = 0; i < request->variables; i++)
    for (u32 at = 0; at < count; at++)
      if (is_same_variable(all[at], request->variable[i])) all[at] = request->variable[i];
  all[count] = 0;
  return put_words(room, &none, all);
}

static void put_command(struct room *room, const struct plain_request *request, const struct expected *expected) {
  const u8 *directories = expected->directories;
  struct plan *header = (struct plan *)room->bytecode;
  const u8 *name = *request->command, *none = 0;
  i32 is_path = 0;
  for (const u8 *c = name; *c; c++) is_path |= *c == '/';
  header->slot[PLAIN_ARGV] = put_words(room, &none, request->command);
  header->slot[PLAIN_VARIABLES] = put_variables(room, request, expected->variables);
  for (u32 i = 0; *directories; i++, directories = next(directories)) {
    header->slot[PLAIN_CANDIDATE + i] = address_in(room, room->to);
    if (!is_path) {
      put(room, directories);
      room->to[-1] = '/';
    }
    put(room, name);
  }
}

static u64 length_of_places(const struct plain_request *request) {
  const u8 *const places[] = {request->root, request->directory, request->source, request->target};
  u64 size = 0;
  for (u32 i = 0; i < 4; i++) size += (u64)(next(places[i]) - places[i]);
  return size;
}

/* The largest size that all of these texts need; 0 if it is too much. */
static u64 room_for(const struct plain_request *request, const struct expected *expected) {
  const u8 *directories = expected->directories, *variable = expected->variables;
  u64 name = (u64)(next(*request->command) - *request->command);
  u64 size = 256 + 2 * length_of(request->command) + length_of_places(request);
  for (; *directories; directories = next(directories))
    size += (u64)(next(directories) - directories) + name;
  for (; *variable; variable = next(variable)) size += (u64)(next(variable) - variable) + 8;
  for (u32 i = 0; i < request->variables; i++)
    size += (u64)(next(request->variable[i]) - request->variable[i]) + 8;
  return size > MOST_TEXTS ? 0 : (size + 7) & ~7UL;
}

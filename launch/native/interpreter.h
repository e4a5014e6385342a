/*
 * The part of launch/native/entry.c that continues with Deno's runtime. The
 * runtime is linked to shared libraries and names an interpreter (ld.so) that
 * loads them. The kernel would start the interpreter first and this code after
 * it, but the interpreter maps the libraries and writes to 500 pages. That
 * takes longer than most commands that are carried out here. So
 * scripts/_entry.ts hides the interpreter's name from the kernel, and this code
 * does what the kernel would have done. elf(5), ld.so(8), load_elf_interp() in
 * the kernel's fs/binfmt_elf.c
 */

struct header {
  u8 ident[16];
  u16 type, machine;
  u32 version;
  u64 entry, segments, sections;
  u32 flags;
  u16 size, segment_size, segment_count, rest[3];
};

struct segment {
  u32 type, flags;
  u64 offset, address, physical, file_size, memory_size, alignment;
};

/* getauxval(3) */
struct auxiliary {
  u64 type, value;
};

enum {
  PT_LOAD = 1, PT_INTERP = 3, PT_PHDR = 6, PT_GNU_RELRO = 0x6474e552, ET_DYN = 3, CLASS_64 = 2,
  AT_NULL = 0, AT_PHDR = 3, AT_PAGESZ = 6, AT_BASE = 7, AT_ENTRY = 9, AT_SECURE = 23,
  MAP_PRIVATE = 2, MAP_FIXED = 0x10, MAP_ANONYMOUS = 0x20,
  MADV_POPULATE_WRITE = 23, MOST_SEGMENTS = 32,
};

/* The executable's original entry point. */
u64 entry_of_runtime(void);
/* Its original segments, including the interpreter's name. */
const struct segment *segments_of_runtime(void);

static struct auxiliary *find_auxiliary(struct auxiliary *from, u64 type) {
  while (from->type != type && from->type != AT_NULL) from++;
  return from;
}

static const struct segment *find_segment(const struct segment *from, u32 type) {
  while (from->type != type) from++;
  return from;
}

/* PF_X, PF_W and PF_R are PROT_EXEC, PROT_WRITE and PROT_READ in reverse order. */
static u64 protection(u32 flags) { return (flags & 1) << 2 | (flags & 2) | (flags & 4) >> 2; }

static i32 is_mapped(i64 place) { return place >= 0 || place < -4095; }

static i32 map_segment(i64 fd, const struct segment *segment, u64 base, u64 page) {
  u64 begin = base + segment->address, before = begin & (page - 1);
  u64 filled = begin + segment->file_size, end = begin + segment->memory_size;
  u64 rest = (filled + page - 1) & -page;
  if (segment->file_size &&
      !is_mapped(syscall6(SYS_mmap, begin - before, segment->file_size + before,
                          protection(segment->flags), MAP_PRIVATE | MAP_FIXED, (u64)fd,
                          segment->offset - before)))
    return 0;
  if (end <= filled) return 1;
  /* The memory that the file does not fill is zero: the rest of its last page,
   * and the pages after it. */
  if (segment->file_size)
    for (volatile u8 *byte = (u8 *)filled; byte < (u8 *)rest; byte++) *byte = 0;
  else rest = begin - before;
  return end <= rest ||
         is_mapped(syscall6(SYS_mmap, rest, end - rest, protection(segment->flags),
                            MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, (u64)-1, 0));
}

/* Maps an interpreter; returns its entry point, or 0 on failure. */
static u64 map_interpreter(const u8 *path, u64 page, u64 *base) {
  union {
    struct header header;
    u8 bytes[sizeof(struct header) + MOST_SEGMENTS * sizeof(struct segment)];
  } head;
  i64 fd = syscall6(SYS_openat, (u64)AT_FDCWD, (u64)path, O_CLOEXEC, 0, 0, 0);
  if (fd < 0) return 0;
  i64 size = syscall6(SYS_pread64, (u64)fd, (u64)&head, sizeof head, 0, 0, 0);
  const struct header *elf = &head.header;
  u64 end = 0, begin = 0;
  if (size >= (i64)sizeof *elf && after(elf->ident, "\177ELF") && elf->ident[4] == CLASS_64 &&
      elf->type == ET_DYN && elf->segment_size == sizeof(struct segment) &&
      elf->segments == sizeof *elf && elf->segment_count <= MOST_SEGMENTS &&
      size >= (i64)(sizeof *elf + elf->segment_count * sizeof(struct segment))) {
    const struct segment *segments = (const struct segment *)(elf + 1);
    for (u32 i = 0; i < elf->segment_count; i++)
      if (segments[i].type == PT_LOAD) end = segments[i].address + segments[i].memory_size;
    /* One contiguous range, at an address that the kernel chooses. */
    i64 place = end ? syscall6(SYS_mmap, 0, end, 0, MAP_PRIVATE | MAP_ANONYMOUS, (u64)-1, 0) : 0;
    i32 is_whole = end && is_mapped(place);
    for (u32 i = 0; i < elf->segment_count && is_whole; i++)
      if (segments[i].type == PT_LOAD) is_whole = map_segment(fd, &segments[i], (u64)place, page);
    if (is_whole) {
      *base = (u64)place;
      begin = (u64)place + elf->entry;
    }
  }
  syscall6(SYS_close, (u64)fd, 0, 0, 0, 0, 0);
  return begin;
}

/* The loader writes to every page that it protects afterwards, 460 of them.
 * Populating them in one call costs less than a page fault each. Before Linux
 * 5.14 the call fails, and they fault one by one. */
static void expect_relocations(const struct segment *segments, u64 program, u64 page) {
  const struct segment *relro = find_segment(segments, PT_GNU_RELRO);
  u64 begin = program + relro->address, end = begin + relro->memory_size;
  begin &= -page;
  syscall6(SYS_madvise, begin, end - begin, MADV_POPULATE_WRITE, 0, 0, 0);
}

/* The auxiliary vector follows the arguments and the environment. */
static struct auxiliary *auxiliary_of(const i64 *stack) {
  const i64 *word = stack + 2 + stack[0];
  while (*word) word++;
  return (struct auxiliary *)(word + 1);
}

/* AT_SECURE (set-user-ID): the caller is not trusted to control this process. */
static i32 is_secure(const i64 *stack) { return !!find_auxiliary(auxiliary_of(stack), AT_SECURE)->value; }

/* glibc's loader passes a function to call at exit, and the kernel passes none.
 * With a function, the loader has already run and is not started again. */
static u64 next_entry(const i64 *stack, u64 exit_function) {
  static const char say[] = "container: Cannot start: cannot load ",
                    cure[] = ". It belongs to the GNU C library, which this program needs.\n";
  if (exit_function) return entry_of_runtime();
  struct auxiliary *known = auxiliary_of(stack);
  const struct segment *segments = segments_of_runtime();
  u64 program = (u64)segments - find_segment(segments, PT_PHDR)->address;
  const u8 *path = (const u8 *)(program + find_segment(segments, PT_INTERP)->address);
  u64 page = find_auxiliary(known, AT_PAGESZ)->value;
  u64 base = 0, begin = map_interpreter(path, page, &base);
  if (!begin) {
    u64 length = 0;
    while (path[length]) length++;
    syscall6(SYS_write, 2, (u64)say, sizeof say - 1, 0, 0, 0);
    syscall6(SYS_write, 2, (u64)path, length, 0, 0, 0);
    syscall6(SYS_write, 2, (u64)cure, sizeof cure - 1, 0, 0, 0);
    leave(125);
  }
  expect_relocations(segments, program, page);
  find_auxiliary(known, AT_PHDR)->value = (u64)segments;
  find_auxiliary(known, AT_BASE)->value = base;
  find_auxiliary(known, AT_ENTRY)->value = entry_of_runtime();
  return begin;
}

/*
 * The part of launch/native/entry.c that gives Deno's runtime a command line
 * that it can read. The runtime does not start with a word that is not UTF-8. In
 * its copy of such words, each byte that is not UTF-8 becomes U+FFFD. The kernel
 * keeps the caller's words, and ffi/environment.ts reads them from
 * /proc/self/cmdline.
 */

/* The length of the character at a place, or 0 if it is not UTF-8. utf-8(7) */
static u32 character_at(const u8 *at) {
  u8 first = at[0], second = first ? at[1] : 0;
  u32 length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  /* Overlong forms, surrogates, and numbers above 0x10ffff. */
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
      (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f))
    return 0;
  for (u32 i = 1; i < length; i++)
    if ((at[i] & 0xc0) != 0x80) return 0;
  return length;
}

/* The size of a word with its replacements; 0 if it needs none. */
static u64 replaced_size(const u8 *word) {
  u64 size = 1, count = 0;
  for (u32 length; *word; word += length) {
    if ((length = character_at(word))) size += length;
    else length = 1, size += 3, count++;
  }
  return count ? size : 0;
}

/* Writes a word with its replacements; returns the end. */
static u8 *put_replaced(u8 *to, const u8 *word) {
  static const u8 replacement[] = {0xef, 0xbf, 0xbd};
  while (*word) {
    u32 length = character_at(word);
    for (u32 i = 0; i < (length ? length : sizeof replacement); i++)
      *(volatile u8 *)to++ = length ? word[i] : replacement[i];
    word += length ? length : 1;
  }
  *to++ = 0;
  return to;
}

/* How many bytes the replaced words of a process need; usually 0. */
static u64 replacements_size(const i64 *stack) {
  u64 size = 0;
  for (i64 i = 1; i <= stack[0]; i++) size += replaced_size((const u8 *)stack[i]);
  return size;
}

/* Replaces words of a copied stack. */
static void replace_words(i64 *stack, u8 *room) {
  for (i64 i = 1; i <= stack[0]; i++) {
    const u8 *word = (const u8 *)stack[i];
    if (!replaced_size(word)) continue;
    stack[i] = (i64)room;
    room = put_replaced(room, word);
  }
}

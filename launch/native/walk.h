/*
 * Carries out a compiled plan (launch/bytecode/layout.ts describes its bytes).
 * The walker and the native entry share this code; each defines its own
 * `leave`, `fail` and `extra`.
 */

#include "calls.h"
#include "constants.h"

/* The plan is mapped at BASE, so the pointers in it need no relocation.
 *
 * Operations that are not system calls have negative numbers: OP_COMPARE fails
 * unless arg[2] bytes at arg[0] and arg[1] are the same, OP_FAIL fails with
 * errno arg[0].
 *
 * FLAG_WANT: the result must be `want`, or the step fails with `unwanted`.
 * FLAG_CLONE: the parent stores the pid and exits, the new process continues. */

enum { EINTR = 4, ENOEXEC = 8 };

struct step {
  i32 nr;
  u8 flags;
  u8 from_slot; /* bit i: arg[i] is the number of a slot, not a value */
  u16 result;   /* the slot that takes the result, NO_SLOT for none */
  u64 arg[ARGUMENTS];
  i16 expected[EXPECTED_ERRORS]; /* errnos that are not a failure, ended by 0 */
  i64 want;
  u16 skip_ok;       /* steps to skip after success */
  u16 skip_expected; /* steps to skip after an expected errno */
  i32 unwanted;
};

struct plan {
  u32 magic, version;
  u64 size;
  u32 count, at;
  i32 error;
  u32 state;
  u64 unused[4];
  i64 slot[SLOTS];
  struct step step[];
};

_Static_assert(sizeof(struct step) == STEP_SIZE, "launch/bytecode/encode.ts writes steps of this size");
_Static_assert(sizeof(struct plan) == PLAN_SIZE, "launch/bytecode/encode.ts puts the first step there");

static volatile struct plan *const plan = (struct plan *)BASE;

/* The first slots are in the header, the others follow the steps. Returns 0 for
 * a number that is not a slot of the plan. */
static volatile i64 *slot_of(u64 number) {
  if (number < SLOTS) return &plan->slot[number];
  volatile i64 *place = (volatile i64 *)&plan->step[plan->count] + (number - SLOTS);
  return number < NO_SLOT && (u64)(place + 1) <= BASE + plan->size ? place : 0;
}

static void leave(u64 status);
static void fail(u32 at, i32 error);
/* An operation that only one program has. Returns a result like a system call. */
static i64 extra(volatile struct step *s, const u64 *a, u32 at);

static i32 same(u64 a, u64 b, u64 length) {
  u64 end = BASE + plan->size;
  if (a < BASE || b < BASE || a > end || b > end || length > end - a || length > end - b) return 0;
  const volatile u8 *p = (u8 *)a, *q = (u8 *)b;
  while (length--)
    if (*p++ != *q++) return 0;
  return 1;
}

static i32 is_expected(volatile struct step *s, i64 error) {
  for (u32 i = 0; i < EXPECTED_ERRORS && s->expected[i]; i++)
    if (s->expected[i] == error) return 1;
  return 0;
}

static i64 perform(volatile struct step *s, u32 at) {
  u64 a[ARGUMENTS];
  for (u32 i = 0; i < ARGUMENTS; i++) {
    a[i] = s->arg[i];
    if (s->from_slot & (1 << i)) {
      volatile i64 *value = slot_of(a[i]);
      if (!value) fail(at, ENOEXEC);
      a[i] = (u64)*value;
    }
  }
  if (s->nr == OP_COMPARE) return same(a[0], a[1], a[2]) ? 0 : -(i64)s->unwanted;
  if (s->nr == OP_FAIL) fail(at, (i32)a[0]);
  if (s->nr < 0) return extra(s, a, at);
  i64 result;
  do result = syscall6(s->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
  while (result == -EINTR && !is_expected(s, EINTR));
  return result;
}

/* Returns when the last step is done, if no step executes a program. */
static void carry_out_from(u32 first) {
  u32 count = plan->count;
  plan->state = STATE_WALKING;
  for (u32 i = first; i < count; i++) {
    volatile struct step *s = &plan->step[i];
    plan->at = i;
    i64 result = perform(s, i);
    volatile i64 *to = slot_of(s->result);
    if (result < 0 && result >= -4095) {
      if (to) *to = result;
      if (!is_expected(s, -result)) fail(i, (i32)-result);
      i += s->skip_expected;
      continue;
    }
    if (s->flags & FLAG_WANT && result != s->want) fail(i, s->unwanted);
    /* After a clone both processes write to the same plan. Only the parent
     * knows the pid as its own parent sees it, so only the parent fills the
     * slot. */
    if (!(s->flags & FLAG_CLONE && result == 0) && to) *to = result;
    if (s->flags & FLAG_CLONE && result > 0) leave(0);
    i += s->skip_ok;
  }
}

__attribute__((unused)) static void carry_out(void) { carry_out_from(0); }

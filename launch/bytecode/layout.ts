/**
 * The layout of a compiled plan, the same as in launch/native/walk.h: a header
 * of 2048 bytes with the first slots, steps of 88 bytes each, the other slots,
 * then the memory that the steps' arguments point to. All numbers are
 * little-endian.
 */

/**
 * The address at which the walker maps a plan, so its pointers need no
 * relocation.
 */
export const BASE = 0x100000000;
/** The largest size that the walker maps. */
export const LIMIT = 64 * 1024 * 1024;
export const MAGIC = 0x4b4c4157;
export const VERSION = 2;
export const HEADER_SIZE = 2048;
export const STEP_SIZE = 88;
/** How many slots are in the header; the others follow the steps. */
export const SLOT_COUNT = 248;
/** Not a slot; the numbers of slots are below it. */
export const NO_SLOT = 0xffff;

/** Offsets in the header. */
export const HEADER = {
  magic: 0,
  version: 4,
  size: 8,
  count: 16,
  at: 20,
  error: 24,
  state: 28,
  /**
   * The descriptor to which the header is written if a step from `reportFrom`
   * on fails.
   */
  reportTo: 32,
  reportFrom: 36,
  slots: 64,
} as const;

/** The number of bytes of the header that are written there. */
export const REPORT_SIZE = 64;

/** Offsets in a step. */
export const STEP = {
  number: 0,
  flags: 4,
  fromSlot: 5,
  result: 6,
  args: 8,
  expected: 56,
  want: 72,
  skipOnSuccess: 80,
  skipOnExpected: 82,
  otherwise: 84,
} as const;

/** The offset of a slot in a plan with this many steps. */
export const slotOffset = (slot: number, count: number): number =>
  slot < SLOT_COUNT
    ? HEADER.slots + 8 * slot
    : HEADER_SIZE + STEP_SIZE * count + 8 * (slot - SLOT_COUNT);

/** The largest number of errors that a step can expect. */
export const EXPECTED_COUNT = 8;
export const ARGUMENT_COUNT = 6;

export const FLAG = { want: 1, clone: 2 } as const;
/** The numbers of operations that are not system calls. */
export const OPERATION = {
  compare: -2,
  fail: -3,
  isProcess: -4,
  endProcess: -5,
  compareMasked: -6,
  ownersLive: -7,
  isOutside: -8,
  hasContent: -9,
  isAt: -10,
} as const;
/** How far a program got. */
export const STATE = { walking: 1, failed: 2 } as const;

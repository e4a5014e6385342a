/**
 * The bytes of a compiled plan, as launch/native/walker.c has them: a header of 2048
 * bytes with the slots, steps of 88 bytes, then whatever their arguments point
 * to. All numbers are little-endian.
 */

/** Where the walker maps it, so that pointers are ready-made. */
export const BASE = 0x100000000;
/** The walker maps no more than this. */
export const LIMIT = 64 * 1024 * 1024;
export const MAGIC = 0x4b4c4157;
export const VERSION = 1;
export const HEADER_SIZE = 2048;
export const STEP_SIZE = 88;
export const SLOT_COUNT = 248;
export const NO_SLOT = 255;

/** Offsets in the header. */
export const HEADER = {
  magic: 0,
  version: 4,
  size: 8,
  count: 16,
  at: 20,
  error: 24,
  state: 28,
  /** A descriptor that takes the header, where a step from `reportFrom` on fails. */
  reportTo: 32,
  reportFrom: 36,
  slots: 64,
} as const;

/** What of the header is written there. */
export const REPORT_SIZE = 64;

/** Offsets in a step. */
export const STEP = {
  number: 0,
  flags: 4,
  fromSlot: 6,
  result: 7,
  args: 8,
  expected: 56,
  want: 72,
  skipOnSuccess: 80,
  skipOnExpected: 82,
  otherwise: 84,
} as const;

/** Errnos that a step can expect. */
export const EXPECTED_COUNT = 8;
export const ARGUMENT_COUNT = 6;

export const FLAG = { want: 1, clone: 2 } as const;
/** Numbers below zero are no system calls. */
export const OPERATION = {
  exit: -1,
  compare: -2,
  fail: -3,
  isProcess: -4,
  endProcess: -5,
  runCommand: -6,
} as const;
export const STATE = { failed: 2 } as const;

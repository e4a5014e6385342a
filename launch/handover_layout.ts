/**
 * The layout of the handover, the file that the parent fills for PID 1. Both
 * kinds of PID 1 read the same bytes: launch/child.ts from source, and
 * launch/native/pid_one.h in the compiled program. A header says where each
 * part is; all numbers are little-endian.
 */

export const HANDOVER_MAGIC = 0x444e4148;
export const HANDOVER_VERSION = 3;

/**
 * The parts. `container`, `process` and `cleanup` are compiled programs.
 * `walker` is the walker's executable. `front` and `steps` are JSON, which only
 * launch/child.ts reads.
 */
export const HANDOVER_PARTS = [
  "container",
  "process",
  "cleanup",
  "walker",
  "front",
  "steps",
] as const;
export type HandoverPart = typeof HANDOVER_PARTS[number];

/** Offsets in the header; each part is its place and its length. */
export const HANDOVER = {
  magic: 0,
  version: 4,
  size: 8,
  flags: 16,
  preserve: 20,
  cgroups: 24,
  parts: 32,
} as const;

/** The number of bytes of a place and a length. */
export const PART_SIZE = 16;
export const HANDOVER_SIZE = HANDOVER.parts +
  PART_SIZE * HANDOVER_PARTS.length;

/** The parts begin at multiples of this. */
export const PART_ALIGNMENT = 8;

export const HANDOVER_FLAG = {
  /**
   * After a failure, PID 1 answers questions of the parent about its files
   * before it ends.
   */
  answers: 1,
} as const;

/**
 * What a native PID 1 was doing when it failed, as it says in its message: the
 * steps of a phase, or a system call of its own.
 */
export const FAILURE_PHASE = {
  container: 0,
  process: 1,
  cleanup: 2,
  call: 3,
} as const;

/** Offsets in the message NEWS.failed. */
export const FAILURE = { phase: 1, index: 4, error: 8, size: 12 } as const;

/**
 * Offsets in the answer to a question about a file: an errno or 0, its mode,
 * and the beginning of its content.
 */
export const ANSWER = { error: 0, mode: 4, head: 8 } as const;

/** How much of a file's beginning is enough to tell what it is. */
export const HEAD_SIZE = 4096;

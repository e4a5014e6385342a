/**
 * The messages between a program that uses the library and the helper that
 * works on a sandbox's files (launch/native/files.c). A request is a list of
 * system calls with their data; the answer is the same bytes with their results.
 * All numbers are little-endian.
 */

/** The longest message: what a Unix socket takes by default, unix(7). */
export const FILES_ROOM = 131072;

/** Offsets in the header of a request. */
export const REQUEST = {
  /** The number of calls. */
  calls: 0,
  /** The number of bytes of the answer. */
  answer: 4,
  /** The call whose result is a descriptor to send, or {@linkcode NO_CALL}. */
  send: 8,
  /** The call whose result is added to `answer`, or {@linkcode NO_CALL}. */
  more: 12,
} as const;
export const REQUEST_SIZE = 16;
/** Stands for no call. */
export const NO_CALL = 0xffffffff;

/** Offsets in a call. */
export const FILE_CALL = {
  number: 0,
  /** A byte for each argument, ARGUMENT_IS. */
  kinds: 4,
  /** FILE_CALL_FLAG. */
  flags: 10,
  args: 16,
  /** Filled in by the helper. */
  result: 64,
} as const;
export const FILE_CALL_SIZE = 72;

/** What an argument of a call is. */
export const ARGUMENT_IS = {
  value: 0,
  /** The place of bytes in the message. */
  place: 1,
  /** The number of an earlier call, whose result it is. */
  result: 2,
  /** The descriptor that came with the request. */
  received: 3,
} as const;

export const FILE_CALL_FLAG = {
  /** The calls after it are made even if it fails. */
  mayFail: 1,
} as const;

/**
 * Not a system call: fails with errno arg[3] unless the 32 bits at place arg[0]
 * are arg[2] under the mask arg[1].
 */
export const CHECK_WORD = -1;

/** poll.h: waits for events on descriptors. */

import { lazily, rawSyscall } from "./libc.ts";
import { addressOf } from "./memory.ts";

export const POLL = {
  POLLIN: 1,
  POLLOUT: 4,
  POLLERR: 8,
  POLLHUP: 0x10,
} as const;

const background = lazily(
  {
    /** int poll(struct pollfd *, nfds_t, int), on a thread that may block */
    poll: {
      parameters: ["i64", "u64", "i32"],
      result: "i32",
      nonblocking: true,
    },
    /** ssize_t read(int, void *, size_t), on a thread that may block */
    read: {
      parameters: ["i32", "i64", "i64"],
      result: "i64",
      nonblocking: true,
    },
    /** ssize_t write(int, const void *, size_t), on a thread that may block */
    write: {
      parameters: ["i32", "i64", "i64"],
      result: "i64",
      nonblocking: true,
    },
  } as const,
);

/** The size of struct pollfd. */
const POLLFD_SIZE = 8;

/** A descriptor and the events to wait for. */
export interface Interest {
  fd: number;
  /** Bits of {@linkcode POLL}. */
  events: number;
}

/**
 * poll(2) without blocking this thread. Returns the events of each descriptor,
 * in their order; all are 0 if the time is up or a signal came.
 *
 * @param milliseconds the longest time to wait; -1 for no limit
 */
export async function waitForAny(
  interests: readonly Interest[],
  milliseconds: number,
): Promise<number[]> {
  const bytes = new Uint8Array(POLLFD_SIZE * interests.length);
  const view = new DataView(bytes.buffer);
  interests.forEach(({ fd, events }, index) => {
    view.setInt32(POLLFD_SIZE * index, fd, true);
    view.setInt16(POLLFD_SIZE * index + 4, events, true);
  });
  const ready = await background().poll(
    addressOf(bytes),
    BigInt(interests.length),
    milliseconds,
  );
  return interests.map((_, index) =>
    ready > 0 ? view.getInt16(POLLFD_SIZE * index + 6, true) : 0
  );
}

/** The same for one descriptor, without a time limit. */
export async function waitForOne(fd: number, events: number): Promise<number> {
  return (await waitForAny([{ fd, events }], -1))[0]!;
}

/**
 * ppoll(2): returns the events; 0 if there are none within the timeout, in
 * milliseconds.
 */
export function poll(fd: number, events: number, timeout: number): number {
  const view = new DataView(new ArrayBuffer(POLLFD_SIZE));
  view.setInt32(0, fd, true);
  view.setInt16(4, events, true);
  const patience = new BigInt64Array([0n, BigInt(timeout) * 1_000_000n]);
  rawSyscall(
    "ppoll",
    new Uint8Array(view.buffer),
    1,
    new Uint8Array(patience.buffer),
    null,
    0,
  );
  return view.getInt16(6, true);
}

/** Blocks until a descriptor accepts bytes again, ppoll(2). */
export function waitForRoom(fd: number): void {
  const bytes = new Uint8Array(POLLFD_SIZE);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, fd, true);
  view.setInt16(4, POLL.POLLOUT, true);
  rawSyscall("ppoll", bytes, 1, null, null, 0);
}

/**
 * read(2) without blocking this thread: 0 at the end of file, -1 on an error.
 */
export async function readInBackground(
  fd: number,
  bytes: Uint8Array,
): Promise<number> {
  const { read } = background();
  return Number(await read(fd, addressOf(bytes), BigInt(bytes.length)));
}

/**
 * write(2) without blocking this thread: the number of bytes written, -1 on an
 * error.
 */
export async function writeInBackground(
  fd: number,
  bytes: Uint8Array,
): Promise<number> {
  const { write } = background();
  const count = await write(fd, addressOf(bytes), BigInt(bytes.length));
  // Using it after the call keeps the garbage collector from freeing it.
  return bytes.length ? Number(count) : 0;
}

/** poll.h: whether something has happened on a descriptor. */

import { lazily, rawSyscall } from "./libc.ts";
import { addressOf } from "./memory.ts";

export const POLLIN = 1;

const background = lazily(
  {
    /** int poll(struct pollfd *fds, nfds_t nfds, int timeout), on a thread that may block */
    poll: {
      parameters: ["i64", "i64", "i32"],
      result: "i32",
      nonblocking: true,
    },
  } as const,
);

/** struct pollfd: what is waited for; what has happened comes behind it. */
function pollfd(fd: number, events: number): DataView<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(8));
  view.setInt32(0, fd, true);
  view.setInt16(4, events, true);
  return view;
}

const happened = (view: DataView) => view.getInt16(6, true);

/** ppoll(2): what has happened; 0 where nothing has within the time, in milliseconds. */
export function poll(fd: number, events: number, timeout: number): number {
  const view = pollfd(fd, events);
  const patience = new BigInt64Array([0n, BigInt(timeout) * 1_000_000n]);
  rawSyscall(
    "ppoll",
    new Uint8Array(view.buffer),
    1,
    new Uint8Array(patience.buffer),
    null,
    0,
  );
  return happened(view);
}

/** Waits until something has happened, without blocking this thread; 0 where a signal came between. */
export async function pollInBackground(
  fd: number,
  events: number,
): Promise<number> {
  const view = pollfd(fd, events);
  await background().poll(addressOf(new Uint8Array(view.buffer)), 1n, -1);
  return happened(view);
}

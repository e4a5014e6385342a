/**
 * epoll(7): waits for any number of descriptors on one thread. Runs on the
 * host, in a program that uses the library.
 *
 * A blocking call per descriptor would occupy one of Deno's 32 background
 * threads each; with 32 idle containers, Deno could not even read a file.
 */

import { Descriptor, moveUp, O } from "./fcntl.ts";
import { lazily, rawSyscall, syscall } from "./libc.ts";
import { addressOf } from "./memory.ts";
import { ERRNO, errnoName, SyscallError } from "./errno.ts";

const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
const EPOLLONESHOT = 1 << 30;

/** The events that a descriptor can be waited for. */
export const EPOLL = { EPOLLIN: 1, EPOLLOUT: 4 } as const;

/** struct epoll_event, which is packed on x86_64 only. */
const [EVENT_SIZE, DATA] = Deno.build.arch === "x86_64" ? [12, 4] : [16, 8];
const EVENT_COUNT = 64;

/**
 * The longest time of one wait in milliseconds. It matters only when nobody
 * waits any more, and for a terminated worker, which ends when its background
 * threads do.
 */
const PATIENCE = 500;

const background = lazily(
  {
    /**
     * int epoll_wait(int, struct epoll_event *, int, int), on a thread that may
     * block
     */
    epoll_wait: {
      parameters: ["i32", "i64", "i32", "i32"],
      result: "i32",
      nonblocking: true,
    },
  } as const,
);

let opened: Descriptor | undefined;
/** The callbacks, by descriptor. */
const waiting = new Map<number, () => void>();
let polling = false;

const instance = () =>
  opened ??= moveUp(
    new Descriptor(syscall("epoll_create1", O.O_CLOEXEC)),
  );

/**
 * Waits until a descriptor can be read or written, or its other end is closed,
 * epoll_ctl(2). It may resolve without an event: try, and wait again after
 * EAGAIN. Only one caller may wait for a descriptor at a time.
 */
export function whenReady(fd: number, events: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const epoll = instance().fd;
  const event = new Uint8Array(EVENT_SIZE);
  const view = new DataView(event.buffer);
  view.setUint32(0, events | EPOLLONESHOT, true);
  view.setInt32(DATA, fd, true);
  const added = rawSyscall("epoll_ctl", epoll, EPOLL_CTL_ADD, fd, event);
  if (-added === ERRNO.EEXIST) {
    syscall("epoll_ctl", epoll, EPOLL_CTL_MOD, fd, event);
  } else if (added < 0) throw new SyscallError("epoll_ctl", errnoName(-added));
  waiting.set(fd, resolve);
  if (!polling) poll(epoll);
  return promise;
}

/**
 * Call this before closing a descriptor that was waited for: it resolves the
 * wait.
 */
export function forget(fd: number): void {
  if (!opened) return;
  rawSyscall("epoll_ctl", opened.fd, EPOLL_CTL_DEL, fd, null);
  tell(fd);
}

function tell(fd: number): void {
  const resolve = waiting.get(fd);
  waiting.delete(fd);
  resolve?.();
}

/** Polls while somebody waits; this keeps the program alive. */
async function poll(epoll: number): Promise<void> {
  polling = true;
  const events = new Uint8Array(EVENT_SIZE * EVENT_COUNT);
  const view = new DataView(events.buffer);
  const { epoll_wait } = background();
  while (waiting.size) {
    const address = addressOf(events);
    const count = await epoll_wait(epoll, address, EVENT_COUNT, PATIENCE);
    // A negative count is EINTR.
    for (let index = 0; index < count; index++) {
      tell(view.getInt32(index * EVENT_SIZE + DATA, true));
    }
  }
  polling = false;
}

/**
 * epoll(7): waiting for any number of descriptors on one thread. Runs on the
 * host, in a program that uses the library.
 *
 * A blocking call for each would take one of Deno's 32 background threads each:
 * with forty idle containers not even a file could be read any more.
 */

import { Descriptor, moveUp, O } from "./fcntl.ts";
import { lazily, rawSyscall, syscall } from "./libc.ts";
import { addressOf } from "./memory.ts";
import { ERRNO, errnoName, SyscallError } from "./errno.ts";

const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
const EPOLLONESHOT = 1 << 30;

/** What a descriptor can be waited for. */
export const EPOLL = { EPOLLIN: 1, EPOLLOUT: 4 } as const;

/** struct epoll_event, which is packed on x86_64 alone. */
const [EVENT_SIZE, DATA] = Deno.build.arch === "x86_64" ? [12, 4] : [16, 8];
const EVENT_COUNT = 64;

/**
 * How long a thread stays in one wait, in milliseconds. Only who gives up
 * waiting depends on it, and a worker that is terminated: it ends when its
 * background threads do.
 */
const PATIENCE = 500;

const background = lazily(
  {
    /** int epoll_wait(int, struct epoll_event *, int, int), on a thread that may block */
    epoll_wait: {
      parameters: ["i32", "i64", "i32", "i32"],
      result: "i32",
      nonblocking: true,
    },
  } as const,
);

let opened: Descriptor | undefined;
/** By descriptor, whom to tell. */
const waiting = new Map<number, () => void>();
let polling = false;

const instance = () =>
  opened ??= moveUp(
    new Descriptor(syscall("epoll_create1", O.O_CLOEXEC)),
  );

/**
 * Waits until a descriptor can be read or written, or its other end is gone,
 * epoll_ctl(2). May resolve for nothing: try, and wait again on EAGAIN. One
 * waits for a descriptor at a time.
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

/** Before a descriptor that was waited for is closed: whoever waits goes on. */
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

/** Goes on as long as somebody waits, and keeps the program alive meanwhile. */
async function poll(epoll: number): Promise<void> {
  polling = true;
  const events = new Uint8Array(EVENT_SIZE * EVENT_COUNT);
  const view = new DataView(events.buffer);
  const { epoll_wait } = background();
  while (waiting.size) {
    const address = addressOf(events);
    const count = await epoll_wait(epoll, address, EVENT_COUNT, PATIENCE);
    // Less than none is EINTR.
    for (let index = 0; index < count; index++) {
      tell(view.getInt32(index * EVENT_SIZE + DATA, true));
    }
  }
  polling = false;
}

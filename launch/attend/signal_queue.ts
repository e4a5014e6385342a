/**
 * The signals of this process, in the order in which they came. Deno's own
 * listeners lose the order of signals that come close together, which turns
 * "stop, continue" around, and know no real-time signals. So a few machine
 * instructions, launch/native/signal_queue.c, write the number of each signal
 * into a pipe. Runs in the parent, on the host.
 */

import {
  type Descriptor,
  memoryFile,
  moveUp,
  pipe,
  setNonBlocking,
} from "../../ffi/fcntl.ts";
import { rawSyscall, syscall } from "../../ffi/libc.ts";
import { POLL, waitForOne } from "../../ffi/poll.ts";
import { installHandler } from "../../ffi/signal.ts";
import { SIGNAL_QUEUE } from "../native/signal_queue_code.ts";

const PROT = { read: 1, write: 2, exec: 4 } as const;
const MAP_PRIVATE_ANONYMOUS = 0x22;

/** Where launch/native/signal_queue.c has its parts. */
const PART = { restorer: 0n, destination: 12, handler: 16n } as const;

/** The number of signals that are read at once. */
const MOST = 64;

/** Is told of each signal. */
type Take = (signal: number) => void;

/** Signal handlers belong to a process, so there is one queue. */
let queue: SignalQueue | undefined;

/**
 * Calls `take` with each of these signals from now until the next call of this
 * function, or until this process ends.
 */
export function receiveSignals(signals: readonly number[], take: Take): void {
  queue ??= new SignalQueue();
  queue.receive(signals, take);
}

/** Takes the signals that have come already. */
export function takePending(): void {
  queue?.takePending();
}

class SignalQueue {
  readonly #read: Descriptor;
  readonly #code: bigint;
  #take: Take = () => {};

  constructor() {
    const ends = pipe();
    this.#read = moveUp(ends.read);
    const write = moveUp(ends.write);
    // A handler must never wait: a process that gets more signals than the pipe
    // holds loses some, as with any signal that is pending already.
    setNonBlocking(write);
    setNonBlocking(this.#read);
    this.#code = mapHandler(write);
    this.#deliver();
  }

  receive(signals: readonly number[], take: Take): void {
    this.#take = take;
    const handler = this.#code + PART.handler;
    const restorer = this.#code + PART.restorer;
    for (const signal of signals) installHandler(signal, handler, restorer);
  }

  takePending(): void {
    const bytes = new Uint8Array(MOST);
    for (;;) {
      const count = rawSyscall("read", this.#read.fd, bytes, bytes.length);
      if (count <= 0) return;
      for (const signal of bytes.subarray(0, count)) this.#take(signal);
    }
  }

  /** Reads on this thread, so that {@linkcode takePending} misses none. */
  async #deliver(): Promise<never> {
    for (;;) {
      await waitForOne(this.#read.fd, POLL.POLLIN);
      this.takePending();
    }
  }
}

/**
 * Maps the handler into memory that is not writable; it stays for the life of
 * this process.
 */
function mapHandler(write: Descriptor): bigint {
  const code = Uint8Array.fromBase64(SIGNAL_QUEUE[Deno.build.arch].code);
  new DataView(code.buffer).setInt32(PART.destination, write.fd, true);
  using file = memoryFile("handler", code);
  const { length } = code;
  const writable = PROT.read | PROT.write;
  const place = BigInt(
    syscall("mmap", 0, length, writable, MAP_PRIVATE_ANONYMOUS, -1, 0),
  );
  syscall("pread64", file.fd, place, length, 0);
  syscall("mprotect", place, length, PROT.read | PROT.exec);
  return place;
}

/**
 * The standard streams of a container, as streams of the program that runs it.
 * Runs on the host, in that program's process.
 *
 * The streams are pipes and not sockets, because a command may reopen
 * /dev/stdout, which fails for a socket. This side is non-blocking: a
 * Deno.FsFile would occupy a background thread for each stream as long as there
 * is no data.
 */

import type { Stdio } from "../decide/streams.ts";
import { ERRNO, errnoName, SyscallError } from "../../ffi/errno.ts";
import { EPOLL, forget, whenReady } from "../../ffi/epoll.ts";
import {
  type Descriptor,
  moveUp,
  O,
  open,
  pipe,
  setNonBlocking,
} from "../../ffi/fcntl.ts";
import { rawSyscall } from "../../ffi/libc.ts";

/** A stream that the program reads. */
export type Readable = ReadableStream<Uint8Array<ArrayBuffer>>;
/** A stream that the program writes to. */
export type Writable = WritableStream<Uint8Array>;

/** The capacity of a pipe, pipe(7): the most that one read can return. */
const CHUNK = 65536;
const scratch = new Uint8Array(CHUNK);

/** This process's end of a pipe. */
class End {
  #closed = false;
  constructor(readonly descriptor: Descriptor) {
    setNonBlocking(descriptor);
  }

  /** Waits for data and returns it; null at the end. */
  async read(): Promise<Uint8Array<ArrayBuffer> | null> {
    while (!this.#closed) {
      const count = this.#call("read", scratch);
      // Copied before another read reuses the buffer.
      if (count !== null) return count ? scratch.slice(0, count) : null;
      await whenReady(this.descriptor.fd, EPOLL.EPOLLIN);
    }
    return null;
  }

  /** Writes all bytes, and waits while the pipe is full. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.length;) {
      if (this.#closed) throw new Deno.errors.BrokenPipe(NOBODY_READS);
      const count = this.#call("write", rest);
      if (count !== null) rest = rest.subarray(count);
      else await whenReady(this.descriptor.fd, EPOLL.EPOLLOUT);
    }
  }

  /** Reads or writes once; null if the call would block. */
  #call(call: "read" | "write", bytes: Uint8Array): number | null {
    for (;;) {
      const { fd } = this.descriptor;
      const count = rawSyscall(call, fd, bytes, bytes.length);
      if (count >= 0) return count;
      if (-count === ERRNO.EAGAIN) return null;
      if (-count === ERRNO.EPIPE) {
        throw new Deno.errors.BrokenPipe(NOBODY_READS);
      }
      if (-count !== ERRNO.EINTR) {
        throw new SyscallError(call, errnoName(-count));
      }
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    forget(this.descriptor.fd);
    this.descriptor.close();
  }
}

const NOBODY_READS =
  "Cannot write to the command: it has ended or closed its input (EPIPE)";

/** A stream of bytes that ends with the pipe. It reads only on demand. */
function readable(end: End): Readable {
  return new ReadableStream({
    type: "bytes",
    async pull(controller) {
      const bytes = await end.read();
      if (bytes) return controller.enqueue(bytes);
      end.close();
      controller.close();
      controller.byobRequest?.respond(0);
    },
    cancel: () => end.close(),
  }, { highWaterMark: 0 });
}

const writable = (end: End): Writable =>
  new WritableStream({
    write: (chunk) => end.write(chunk),
    close: () => end.close(),
    abort: () => end.close(),
  });

/** What the three streams are connected to. */
export interface Tied {
  stdin: Stdio;
  stdout: Stdio;
  stderr: Stdio;
}

/** The standard streams of one container, with both ends. */
export class Pipes implements Disposable {
  stdin: Writable | null = null;
  stdout: Readable | null = null;
  stderr: Readable | null = null;
  /**
   * The container's ends, by descriptor number inside. Inherited streams have
   * none.
   */
  readonly theirs: Record<number, Descriptor> = {};
  readonly #ends: End[] = [];
  #null: Descriptor | undefined;

  constructor({ stdin, stdout, stderr }: Tied) {
    try {
      this.stdin = this.#tie(0, stdin, writable);
      this.stdout = this.#tie(1, stdout, readable);
      this.stderr = this.#tie(2, stderr, readable);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  #tie<T>(number: number, kind: Stdio, stream: (end: End) => T): T | null {
    if (kind === "inherit") return null;
    if (kind === "null") {
      this.theirs[number] = this.#null ??= moveUp(
        open("/dev/null", O.O_RDWR),
      );
      return null;
    }
    const { read, write } = pipe();
    const [their, our] = number === 0 ? [read, write] : [write, read];
    this.theirs[number] = moveUp(their);
    const end = new End(our);
    this.#ends.push(end);
    return stream(end);
  }

  /** Call it once the container has its ends, or has failed to start. */
  closeTheirs(): void {
    for (const descriptor of Object.values(this.theirs)) descriptor.close();
  }

  [Symbol.dispose](): void {
    this.closeTheirs();
    for (const end of this.#ends) end.close();
  }
}

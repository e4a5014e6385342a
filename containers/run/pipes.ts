/**
 * The standard streams of a container, as a program has them. Runs on the host,
 * in that program's process.
 *
 * They are pipes, since a command may open /dev/stdout again, which a socket
 * does not allow. Our ends never block: Deno's own files would take a
 * background thread each for as long as nothing comes.
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

/** What a program reads. */
export type Readable = ReadableStream<Uint8Array<ArrayBuffer>>;
/** What a program writes to. */
export type Writable = WritableStream<Uint8Array>;

/** What a pipe of Linux holds, pipe(7): as much as there is to read at once. */
const CHUNK = 65536;
const scratch = new Uint8Array(CHUNK);

/** Our end of a pipe. */
class End {
  #closed = false;
  constructor(readonly descriptor: Descriptor) {
    setNonBlocking(descriptor);
  }

  /** What there is, once there is something; null at the end. */
  async read(): Promise<Uint8Array<ArrayBuffer> | null> {
    while (!this.#closed) {
      const count = this.#call("read", scratch);
      // Copied before anybody else can read into the same bytes.
      if (count !== null) return count ? scratch.slice(0, count) : null;
      await whenReady(this.descriptor.fd, EPOLL.EPOLLIN);
    }
    return null;
  }

  /** Writes all of it, as fast as it is read. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.length;) {
      if (this.#closed) throw new Deno.errors.BrokenPipe(NOBODY_READS);
      const count = this.#call("write", rest);
      if (count !== null) rest = rest.subarray(count);
      else await whenReady(this.descriptor.fd, EPOLL.EPOLLOUT);
    }
  }

  /** Null where it would have to wait. */
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
  "Cannot write to the command: it has ended or reads no more (EPIPE)";

/** A stream of bytes that ends with the pipe; reads when it is asked to. */
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

/** What the three are tied to. */
export interface Tied {
  stdin: Stdio;
  stdout: Stdio;
  stderr: Stdio;
}

/** The standard streams of one container, both ends. */
export class Pipes implements Disposable {
  stdin: Writable | null = null;
  stdout: Readable | null = null;
  stderr: Readable | null = null;
  /** The container's ends, by number there; none for what it inherits. */
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

  /** Once the container has its ends, or never will. */
  closeTheirs(): void {
    for (const descriptor of Object.values(this.theirs)) descriptor.close();
  }

  [Symbol.dispose](): void {
    this.closeTheirs();
    for (const end of this.#ends) end.close();
  }
}

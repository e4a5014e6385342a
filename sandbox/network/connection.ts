/**
 * Connections to what listens inside a sandbox: the helper makes a socket in the
 * network namespace of the sandbox, connects it, and passes it on. Runs on the
 * host, in the program's process, which enters no namespace.
 */

import { EPOLL, forget, whenReady } from "../../ffi/epoll.ts";
import { ERRNO, errnoName } from "../../ffi/errno.ts";
import { type Descriptor, O, setNonBlocking } from "../../ffi/fcntl.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import { failure } from "../files/failures.ts";
import type { FileHelper } from "../files/exchange.ts";

const AF_INET = 2;
const SOCK_STREAM = 1;
const SHUT_WR = 1;
const CHUNK = 65536;

/** struct sockaddr_in of 127.0.0.1, ip(7). */
function loopback(port: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port);
  bytes.set([127, 0, 0, 1], 4);
  return bytes;
}

/**
 * Connects to a port of the sandbox's own loopback.
 *
 * @throws {Deno.errors.ConnectionRefused} if nothing listens there
 */
export const connectInside = (
  helper: FileHelper,
  port: number,
): Promise<Connection> => {
  const what = `connect to port ${port} of the sandbox`;
  return helper.exchange(what, (request) => {
    const socket = request.call("socket", [
      AF_INET,
      SOCK_STREAM | O.O_CLOEXEC,
      0,
    ]);
    const address = request.data(loopback(port));
    request.call("connect", [socket, address, address.length]);
    request.send(socket);
    return (answer) => {
      const code = answer.failure();
      const { descriptor } = answer;
      if (!code && descriptor) return new Connection(descriptor, what);
      descriptor?.close();
      if (code !== "ECONNREFUSED") throw failure(what, code ?? "EMFILE");
      throw new Deno.errors.ConnectionRefused(
        `Cannot ${what}: nothing listens there`,
      );
    };
  });
};

/** A connected socket, which never blocks this thread. */
export class Connection implements Disposable {
  #closed = false;

  constructor(
    readonly descriptor: Descriptor,
    readonly what: string,
  ) {
    setNonBlocking(descriptor);
  }

  /** Waits for bytes; null at the end. */
  async read(): Promise<Uint8Array<ArrayBuffer> | null> {
    const bytes = new Uint8Array(CHUNK);
    while (!this.#closed) {
      const count = this.#call("read", bytes);
      if (count !== null) return count ? bytes.subarray(0, count) : null;
      await whenReady(this.descriptor.fd, EPOLL.EPOLLIN);
    }
    return null;
  }

  /** Writes all bytes, and waits while nobody reads. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.length && !this.#closed;) {
      const count = this.#call("write", rest);
      if (count !== null) rest = rest.subarray(count);
      else await this.#untilWritable();
    }
  }

  /**
   * Only one wait for a descriptor is possible at a time, and the one for bytes
   * may last, so this one asks again and again.
   */
  async #untilWritable(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }

  #call(call: "read" | "write", bytes: Uint8Array): number | null {
    const result = rawSyscall(call, this.descriptor.fd, bytes, bytes.length);
    if (result >= 0) return result;
    if (-result === ERRNO.EAGAIN || -result === ERRNO.EINTR) return null;
    if (-result === ERRNO.ECONNRESET && call === "read") return 0;
    throw failure(this.what, errnoName(-result));
  }

  /** Tells the other end that nothing more comes. */
  end(): void {
    if (!this.#closed) rawSyscall("shutdown", this.descriptor.fd, SHUT_WR);
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    forget(this.descriptor.fd);
    this.descriptor.close();
  }
}

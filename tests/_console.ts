/** Receives the terminal of a container through a socket, as an engine does. */

import { Descriptor, O } from "../ffi/fcntl.ts";
import { syscall, syscallByNumber } from "../ffi/libc.ts";
import { addressOf } from "../ffi/memory.ts";
import { receive } from "../ffi/socket.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;

const NUMBER = Deno.build.arch === "x86_64"
  ? { bind: 49, listen: 50, accept4: 288 }
  : { bind: 200, listen: 201, accept4: 242 };

/** A listening socket. Disposing of it removes its name. */
export class ConsoleSocket implements Disposable {
  readonly #socket = new Descriptor(
    syscall("socket", AF_UNIX, SOCK_STREAM | O.O_CLOEXEC, 0),
  );

  constructor(readonly path: string) {
    const name = new TextEncoder().encode(path);
    const address = new Uint8Array(2 + name.length + 1);
    new DataView(address.buffer).setUint16(0, AF_UNIX, true);
    address.set(name, 2);
    this.#call(NUMBER.bind, addressOf(address), address.length);
    this.#call(NUMBER.listen, 1);
    // Writable for every owner of the tested bundle.
    Deno.chmodSync(path, 0o777);
    if (!address.length) throw new RangeError();
  }

  /** Receives the terminal that waits at the socket. */
  async take(): Promise<Descriptor> {
    using peer = new Descriptor(this.#call(NUMBER.accept4, 0, 0, O.O_CLOEXEC));
    const message = await receive(peer.fd);
    if (message?.descriptor) return message.descriptor;
    throw new Error("No descriptor came");
  }

  #call(number: number, ...args: (number | bigint)[]): number {
    const result = syscallByNumber(number, [this.#socket.fd, ...args]);
    if (result < 0) throw new Error(`System call ${number}: ${result}`);
    return result;
  }

  [Symbol.dispose](): void {
    this.#socket.close();
    Deno.removeSync(this.path);
  }
}

/**
 * Ports of a sandbox on the loopback of this machine: each connection is copied
 * to one inside. Runs on the host, in the program's process.
 */

import type { FileHelper } from "../files/exchange.ts";
import { connectInside, type Connection } from "./connection.ts";

const CHUNK = 65536;

/** A port of this machine that leads into a sandbox. */
export class Exposed {
  readonly #listener: Deno.TcpListener;
  readonly #open = new Set<Disposable>();
  /** Its connections end with the port. */
  readonly client: Deno.HttpClient = Deno.createHttpClient({});

  private constructor(listener: Deno.TcpListener) {
    this.#listener = listener;
  }

  /** Listens on a free port of 127.0.0.1. */
  static listen(helper: FileHelper, port: number): Exposed {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const exposed = new Exposed(listener);
    exposed.#accept(helper, port);
    return exposed;
  }

  /** Where it is. */
  get url(): string {
    return `http://127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
  }

  async #accept(helper: FileHelper, port: number): Promise<void> {
    for (;;) {
      let outer: Deno.TcpConn;
      try {
        outer = await this.#listener.accept();
      } catch (error) {
        // The listener is closed, or the client has gone already.
        if (!(error instanceof Deno.errors.ConnectionAborted)) return;
        continue;
      }
      this.#serve(outer, helper, port).catch(() => {});
    }
  }

  async #serve(
    outer: Deno.TcpConn,
    helper: FileHelper,
    port: number,
  ): Promise<void> {
    using _outer = this.#hold({ [Symbol.dispose]: () => closeQuietly(outer) });
    const inner = await connectInside(helper, port);
    using _inner = this.#hold(inner);
    await Promise.all([copyIn(outer, inner), copyOut(inner, outer)]);
  }

  /** Keeps something that is closed with this port. */
  #hold(resource: Disposable): Disposable {
    this.#open.add(resource);
    return {
      [Symbol.dispose]: () => {
        this.#open.delete(resource);
        resource[Symbol.dispose]();
      },
    };
  }

  /** Closes the port and its connections. */
  close(): void {
    this.#listener.close();
    this.client.close();
    for (const resource of [...this.#open]) resource[Symbol.dispose]();
  }
}

function closeQuietly(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // It is closed already.
  }
}

async function copyIn(from: Deno.TcpConn, to: Connection): Promise<void> {
  try {
    const bytes = new Uint8Array(CHUNK);
    for (;;) {
      const count = await from.read(bytes);
      if (count === null) return;
      await to.write(bytes.subarray(0, count));
    }
  } finally {
    to.end();
  }
}

async function copyOut(from: Connection, to: Deno.TcpConn): Promise<void> {
  for (;;) {
    const bytes = await from.read();
    if (!bytes) break;
    for (let rest: Uint8Array = bytes; rest.length;) {
      rest = rest.subarray(await to.write(rest));
    }
  }
  await to.closeWrite();
}

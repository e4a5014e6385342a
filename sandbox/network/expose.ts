/**
 * Ports of a sandbox on the loopback of this machine: each connection is copied
 * to one inside. Runs on the host, in the program's process.
 */

import type { FileHelper } from "../files/exchange.ts";
import { connectInside, type Connection } from "./connection.ts";

const CHUNK = 65536;
/** Between attempts to accept a connection, in milliseconds. */
const PAUSE = 20;

/** A port of this machine that leads into a sandbox. */
export class Exposed {
  readonly #listener: Deno.TcpListener;
  readonly #open = new Set<Disposable>();
  /**
   * Goes to this machine whatever proxies the environment names. Its
   * connections end with the port.
   */
  readonly client: Deno.HttpClient = withoutProxies(() =>
    Deno.createHttpClient({ allowHost: true })
  );

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
        if (
          error instanceof Deno.errors.BadResource ||
          error instanceof Deno.errors.Interrupted
        ) return; // The listener is closed.
        // The client has gone already, or this process has too many files open.
        await new Promise((resolve) => setTimeout(resolve, PAUSE));
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

/** A client reads the proxies of the environment when it is made. */
function withoutProxies<T>(make: () => T): T {
  const before = Deno.env.get("NO_PROXY");
  Deno.env.set("NO_PROXY", "127.0.0.1");
  try {
    return make();
  } finally {
    if (before === undefined) Deno.env.delete("NO_PROXY");
    else Deno.env.set("NO_PROXY", before);
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

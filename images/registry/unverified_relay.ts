/**
 * TLS to one registry without a check of its certificate, because the settings
 * say that it is insecure. Runs in the command's process.
 *
 * The runtime's fetch() always checks certificates. So it speaks without TLS to
 * a Unix socket in a directory that only this user can enter, and this relay
 * passes the bytes on through TLS to that registry, and to no other host.
 */

import { connect, type TLSSocket } from "node:tls";
import type { Certificates } from "./certificates.ts";

const SECURE_PORT = 443;

/** The name and port of a host as in a URL. */
function addressOf(host: string): { host: string; port: number } {
  const { hostname, port } = new URL(`https://${host}`);
  return {
    host: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port || SECURE_PORT),
  };
}

/** Whether a host is an address: TLS sends names only. */
const isAddress = (host: string) => host.includes(":") || /^[\d.]+$/.test(host);

/** The relay to one registry. Disposing of it ends its connections. */
export class UnverifiedRelay implements Disposable {
  readonly client: Deno.HttpClient;
  readonly #directory: string;
  readonly #listener: Deno.UnixListener;
  readonly #open = new Set<Disposable>();

  /**
   * @param host the registry with its port, as in its name
   * @param certificates those of this client
   */
  constructor(
    readonly host: string,
    readonly certificates: Pick<Certificates, "client">,
  ) {
    this.#directory = Deno.makeTempDirSync({ prefix: "container-" });
    const path = `${this.#directory}/relay`;
    this.#listener = Deno.listen({ transport: "unix", path });
    this.client = Deno.createHttpClient({
      proxy: { transport: "unix", path },
    });
    this.#serve();
  }

  async #serve(): Promise<void> {
    for await (const connection of this.#listener) {
      const tls = this.#connect();
      const pair = { [Symbol.dispose]: () => end(connection, tls) };
      this.#open.add(pair);
      Promise.allSettled([inward(tls, connection), outward(connection, tls)])
        .then(() => {
          this.#open.delete(pair);
          pair[Symbol.dispose]();
        });
    }
  }

  #connect(): TLSSocket {
    const { host, port } = addressOf(this.host);
    const socket = connect({
      host,
      port,
      ...isAddress(host) ? {} : { servername: host },
      ...this.certificates.client ?? {},
      ALPNProtocols: ["http/1.1"],
      rejectUnauthorized: false,
    });
    // Without a listener an error would end the program.
    socket.on("error", () => {});
    return socket;
  }

  [Symbol.dispose](): void {
    this.client.close();
    this.#listener.close();
    for (const pair of this.#open) pair[Symbol.dispose]();
    Deno.removeSync(this.#directory, { recursive: true });
  }
}

function end(connection: Deno.Conn, tls: TLSSocket): void {
  tls.destroy();
  try {
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

/** Passes on what the registry sends. */
async function inward(tls: TLSSocket, connection: Deno.Conn): Promise<void> {
  try {
    for await (const chunk of tls) {
      for (let at = 0; at < chunk.length;) {
        at += await connection.write(chunk.subarray(at));
      }
    }
  } finally {
    // Both ends see that there is no more.
    end(connection, tls);
  }
}

/** Passes on what this program sends. */
async function outward(connection: Deno.Conn, tls: TLSSocket): Promise<void> {
  const buffer = new Uint8Array(1 << 16);
  for (;;) {
    const count = await connection.read(buffer).catch(() => null);
    if (count === null) return;
    await new Promise<void>((resolve, reject) =>
      tls.write(
        buffer.slice(0, count),
        (error) => error ? reject(error) : resolve(),
      )
    );
  }
}

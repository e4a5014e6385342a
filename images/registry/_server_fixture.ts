/** A small server for the tests of the registry client. */

import { digestOf } from "../spec/digest.ts";
import { parseReference } from "../spec/reference.ts";
import type { Credentials } from "./credential_helper.ts";
import { Clients, Connection } from "./connection.ts";
import { Repository } from "./repository.ts";

/** Answers a request, or closes the connection if there is no answer. */
export type Handler = (
  request: Request,
  url: URL,
) => Response | Promise<Response>;

/** A server on loopback. */
export class TestServer implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #clients = new Clients();
  /** What was requested: `GET /v2/… authorization`. */
  readonly seen: string[] = [];
  /** The pauses that the client made, in milliseconds. */
  readonly pauses: number[] = [];

  constructor(handler: Handler) {
    this.#server = Deno.serve({
      port: 0,
      hostname: "127.0.0.1",
      onListen() {},
      onError: () => new Response(null, { status: 500 }),
    }, (request) => {
      const url = new URL(request.url);
      const authorization = request.headers.get("authorization");
      this.seen.push(
        `${request.method} ${url.pathname}${
          authorization ? ` ${authorization}` : ""
        }`,
      );
      return handler(request, url);
    });
  }

  get host(): string {
    return `127.0.0.1:${this.#server.addr.port}`;
  }

  /** The repository `a/b` of this server. */
  repository(
    { credentials = null, insecure = false, signal, silence }: {
      credentials?: Credentials | null;
      insecure?: boolean;
      signal?: AbortSignal;
      silence?: number;
    } = {},
  ): Repository {
    const connection = new Connection(this.host, {
      insecure,
      credentials: () => Promise.resolve(credentials),
      network: {
        clientFor: (host) => this.#clients.for(host),
        signal,
        silence,
        pause: (milliseconds) => {
          this.pauses.push(milliseconds);
          return Promise.resolve();
        },
      },
    });
    return new Repository(connection, parseReference(`${this.host}/a/b:1`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#clients[Symbol.dispose]();
    await this.#server.shutdown();
  }
}

/** Some content, and its descriptor. */
export function content(length = 100_000) {
  const bytes = new Uint8Array(length).map((_, at) => at * 7 + at / 256);
  const descriptor = {
    mediaType: "application/octet-stream",
    digest: digestOf(bytes),
    size: length,
  };
  return { bytes, descriptor };
}

/** Reads a stream whole. */
export async function read(
  source: AsyncIterable<Uint8Array>,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
}

/** An error of a registry, as the specification has it. */
export const failure = (status: number, code: string, message = "said") =>
  Response.json({ errors: [{ code, message }] }, { status });

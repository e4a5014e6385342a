/**
 * Requests over TLS without a check of the certificate, for a registry that the
 * settings call insecure. Deno's fetch cannot do that, but node's client can.
 * Runs in the command's process.
 */

import { request } from "node:https";
import { Readable } from "node:stream";

/** What a request needs of fetch's options. */
export interface UnverifiedRequest {
  method: string;
  headers: Record<string, string>;
  body?: Uint8Array | string;
  signal: AbortSignal;
}

/** Statuses whose answers have no body. */
const EMPTY = new Set([101, 204, 205, 304]);

/** Makes a request as fetch does, with any certificate. */
export function fetchUnverified(
  url: URL,
  { method, headers, body, signal }: UnverifiedRequest,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method,
      headers: {
        ...headers,
        ...body === undefined ? {} : {
          "content-length": String(
            typeof body === "string"
              ? new TextEncoder().encode(body).length
              : body.length,
          ),
        },
      },
      rejectUnauthorized: false,
      signal,
    }, (answer) => {
      const own = new Headers();
      for (const [name, value] of Object.entries(answer.headers)) {
        for (const text of [value ?? []].flat()) own.append(name, text);
      }
      const status = answer.statusCode ?? 0;
      const isEmpty = EMPTY.has(status) || method === "HEAD";
      if (isEmpty) answer.resume();
      resolve(
        new Response(
          isEmpty
            ? null
            : Readable.toWeb(answer) as ReadableStream<Uint8Array<ArrayBuffer>>,
          { status, headers: own },
        ),
      );
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

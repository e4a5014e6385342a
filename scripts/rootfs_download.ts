/**
 * A download with limits, and with a progress bar if standard error is a
 * terminal.
 *
 * @module
 */
import $ from "dax";
import { SourceError } from "../rootfs/errors.ts";

/** The limits of a download. */
export interface DownloadOptions {
  /** The name in the progress bar. */
  readonly name: string;
  readonly maxBytes: number;
  /** Milliseconds until the response must begin. */
  readonly connectMs?: number;
  /** Milliseconds until the download must end. */
  readonly totalMs?: number;
}

/** Downloads into memory. Every failure is a {@linkcode SourceError}. */
export async function download(
  url: string,
  options: DownloadOptions,
): Promise<Uint8Array> {
  const { connectMs = 10_000, totalMs = 120_000 } = options;
  const abort = new AbortController();
  const stopAfter = (ms: number, what: string) =>
    setTimeout(
      () => abort.abort(new SourceError(`${what} within ${ms / 1000} s`)),
      ms,
    );
  const connectTimer = stopAfter(connectMs, "no answer");
  const totalTimer = stopAfter(totalMs, "not done");
  try {
    const response = await fetch(url, { signal: abort.signal });
    clearTimeout(connectTimer);
    if (!response.ok) {
      await response.body?.cancel();
      throw new SourceError(`${url} answered with status ${response.status}`);
    }
    return await readBody(response, options);
  } catch (error) {
    if (error instanceof SourceError) throw error;
    throw new SourceError(`cannot download ${url}: ${networkCause(error)}`, {
      cause: error,
    });
  } finally {
    clearTimeout(connectTimer);
    clearTimeout(totalTimer);
    // The body of a rejected response may still be arriving.
    abort.abort();
  }
}

async function readBody(
  response: Response,
  options: DownloadOptions,
): Promise<Uint8Array> {
  const length = Number(response.headers.get("content-length") ?? 0);
  const bar = Deno.stderr.isTerminal()
    ? $.progress(`Downloading ${options.name}`, {
      length: length > 0 ? length : undefined,
    }).kind("bytes")
    : undefined;
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body ?? []) {
      size += chunk.length;
      if (size > options.maxBytes) {
        throw new SourceError(
          `${response.url} is not a busybox: the file is too large`,
        );
      }
      chunks.push(chunk);
      bar?.increment(chunk.length);
    }
  } finally {
    bar?.finish();
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** The last message in fetch's chain of causes, which is the useful one. */
function networkCause(error: unknown): string {
  let text = error instanceof Error ? error.message : String(error);
  if (error instanceof Error && error.cause instanceof Error) {
    text = error.cause.message;
  }
  const parts = text.replace(/ \(os error \d+\)/g, "").split(": ");
  return parts.at(-1) ?? text;
}

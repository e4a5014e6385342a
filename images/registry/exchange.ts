/**
 * One request and its answer: redirects, waiting, and further tries. Runs in
 * the command's process, in its network namespace.
 */

import { ContainerError } from "../../spec/errors.ts";
import { answerError, networkFailure, RegistryError } from "./errors.ts";

/** How requests of one command are made. */
export interface Network {
  /** The client for a host, with its certificates. */
  clientFor(host: string): Deno.HttpClient;
  /** Makes the client for a host whose certificate is not to be checked. */
  relay?(host: string): Promise<Deno.HttpClient>;
  /** That client, for requests without TLS; undefined for other hosts. */
  unverified?(host: string): Deno.HttpClient | undefined;
  /** Ends everything. */
  signal?: AbortSignal;
  /** Told before a pause, because it can be long. */
  onWait?(milliseconds: number, why: string): void;
  /** Pauses; tests have another clock. */
  pause?(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** Milliseconds without a byte that end a request; a minute by default. */
  silence?: number;
}

/** A request. Its body is made anew for each try. */
export interface Exchange {
  method?: string;
  headers?: Record<string, string>;
  body?: () => Uint8Array<ArrayBuffer> | string;
  /** Its body is a secret: no other host may get it. */
  isSecret?: boolean;
  /** What is tried, for errors: `Cannot pull alpine from docker.io`. */
  action: string;
  /** Statuses that the caller handles. Others are errors. */
  accepts: readonly number[];
}

/** The answer, and the address that it came from. */
export interface Answer {
  response: Response;
  url: URL;
}

/** The pauses before further tries, in milliseconds. */
const PAUSES = [250, 1000, 2000, 4000];
/** The longest time that a registry may ask to wait, in all. */
const LONGEST_PAUSE = 10 * 60_000;
const MOST_REDIRECTS = 10;
/** Milliseconds without any answer. */
const SILENCE = 60_000;
/** The largest body of an error. */
const LARGEST_ERROR = 64 * 1024;

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const AGAIN = new Set([408, 500, 502, 503, 504]);

/** Pauses; ends early with the signal. */
export const pause = (
  milliseconds: number,
  signal?: AbortSignal,
): Promise<void> =>
  new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", end);
      resolve();
    }, milliseconds);
    if (signal?.aborted) end();
    signal?.addEventListener("abort", end, { once: true });
  });

/** Whether an address is on this machine. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, "").replace(/^\[|\]$/g, "").toLowerCase();
  return name === "localhost" || name.endsWith(".localhost") ||
    name === "::1" || /^127(\.\d{1,3}){3}$/.test(name);
}

/** The milliseconds that a registry asks to wait; null if it does not. */
export function retryAfter(
  value: string | null,
  now = Date.now(),
): number | null {
  if (value === null || value.trim() === "") return null;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}

/**
 * Makes a request. It is repeated after failures of the network and of the
 * registry, and after the pause that the registry asks for.
 *
 * @throws {RegistryError}
 */
export async function exchange(
  url: URL,
  request: Exchange,
  network: Network,
): Promise<Answer> {
  let waited = 0;
  for (let attempt = 0;; attempt++) {
    const outcome = await tryOnce(url, request, network);
    const { error, wait, again } = outcome;
    if (!error) return outcome.answer;
    const delay = wait ?? PAUSES[attempt];
    if (!again || delay === undefined || attempt >= PAUSES.length) throw error;
    if (waited + delay > LONGEST_PAUSE) {
      throw new RegistryError(error.message, {
        hint: `It asks to wait ${Math.ceil(delay / 60_000)} minutes.`,
        code: error.code,
      });
    }
    waited += delay;
    network.onWait?.(delay, error.message);
    await (network.pause ?? pause)(delay, network.signal);
  }
}

type Outcome =
  | { error: null; answer: Answer; wait?: undefined; again?: undefined }
  | { error: RegistryError; wait: number | null; again: boolean };

async function tryOnce(
  url: URL,
  request: Exchange,
  network: Network,
): Promise<Outcome> {
  const { action, accepts } = request;
  let answer: Answer;
  try {
    answer = await follow(url, request, network);
  } catch (error) {
    network.signal?.throwIfAborted();
    if (error instanceof ContainerError) throw error;
    const { cause, hint, again, hasTls } = networkFailure(error);
    return {
      error: new RegistryError(`${action}: ${cause}`, {
        hint,
        isUnanswered: !hasTls,
        isUntrusted: hasTls,
        cause: error,
      }),
      wait: null,
      again,
    };
  }
  const { response } = answer;
  if (accepts.includes(response.status)) return { error: null, answer };
  const wait = retryAfter(response.headers.get("retry-after"));
  const { status } = response;
  const body = await readText(response, network);
  return {
    error: answerError(action, status, body),
    wait,
    again: status === 429 || AGAIN.has(status),
  };
}

/** The beginning of a body, as text; empty if it cannot be read. */
export async function readText(
  response: Response,
  network: Network,
  most = LARGEST_ERROR,
): Promise<string> {
  const bytes = await readBytes(response, network, most).catch(() => null);
  return new TextDecoder().decode(bytes ?? new Uint8Array());
}

/**
 * A whole small body; null if it is larger.
 *
 * @throws what ends the connection, also if nothing arrives for a minute
 */
export async function readBytes(
  response: Response,
  network: Network,
  most: number,
): Promise<Uint8Array | null> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of withoutSilence(response, network)) {
    length += part.length;
    if (length > most) return null;
    parts.push(part);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The body of an answer; an error if nothing arrives for a minute. */
export async function* withoutSilence(
  response: Response,
  { silence = SILENCE }: Network,
): AsyncGenerator<Uint8Array> {
  if (!response.body) return;
  const reader = response.body.getReader();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isSilent = false;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      isSilent = true;
      reader.cancel().catch(() => {});
    }, silence);
  };
  try {
    for (;;) {
      wait();
      const { done, value } = await reader.read();
      // The reader of this generator may take its time.
      clearTimeout(timer);
      if (isSilent) throw new Error("timed out");
      if (done) return;
      yield value;
    }
  } finally {
    clearTimeout(timer);
    await reader.cancel().catch(() => {});
  }
}

/**
 * Sends a request and follows redirects. Another host never gets the
 * credentials of this one.
 */
async function follow(
  start: URL,
  { method = "GET", headers = {}, body, isSecret, action, accepts }: Exchange,
  network: Network,
): Promise<Answer> {
  let url = start;
  let own = headers;
  for (let count = 0; count <= MOST_REDIRECTS; count++) {
    const response = await send(url, method, own, body, network);
    const location = response.headers.get("location");
    if (
      !REDIRECTS.has(response.status) || location === null ||
      accepts.includes(response.status)
    ) return { response, url };
    await response.body?.cancel();
    const next = new URL(location, url);
    if (next.protocol !== "https:" && next.protocol !== "http:") {
      throw new RegistryError(`${action}: it redirects to ${next.protocol}`, {
        hint: "The registry is broken.",
      });
    }
    if (url.protocol === "https:" && next.protocol === "http:") {
      throw new RegistryError(
        `${action}: it redirects to ${next.host} without TLS`,
        { hint: "Tell the owner of the registry." },
      );
    }
    if (next.origin !== url.origin) {
      if (isSecret) {
        throw new RegistryError(
          `${action}: its token server redirects to another host, ${next.host}`,
          { hint: "Tell the owner of the registry." },
        );
      }
      own = Object.fromEntries(
        Object.entries(own).filter(([name]) =>
          name.toLowerCase() !== "authorization"
        ),
      );
    }
    url = next;
  }
  throw new RegistryError(`${action}: it redirects more than ten times`, {
    hint: "The registry is broken.",
  });
}

/** The address for a relay, which uses TLS itself. */
const withoutTls = (url: URL) => new URL(url.href.replace(/^https:/, "http:"));

/** Sends one request; ends if there is no answer for a minute. */
async function send(
  url: URL,
  method: string,
  headers: Record<string, string>,
  body: Exchange["body"],
  { clientFor, unverified, signal, silence: longest = SILENCE }: Network,
): Promise<Response> {
  const silence = new AbortController();
  const timer = setTimeout(
    () => silence.abort(new Error("timed out")),
    longest,
  );
  const relay = url.protocol === "https:" ? unverified?.(url.host) : undefined;
  try {
    return await fetch(relay ? withoutTls(url) : url, {
      method,
      headers: {
        "user-agent": "container",
        // A compressed answer would have another length and digest.
        "accept-encoding": "identity",
        ...headers,
      },
      redirect: "manual",
      body: body?.(),
      client: relay ?? clientFor(url.host),
      signal: signal
        ? AbortSignal.any([signal, silence.signal])
        : silence.signal,
    });
  } finally {
    clearTimeout(timer);
  }
}

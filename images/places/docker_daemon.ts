/**
 * The images of a docker daemon, by its API: `images/get` and `images/load`.
 * Runs in the command's process.
 */

import { request } from "node:http";
import type { ClientRequest, IncomingMessage } from "node:http";
import { withoutControls } from "../../spec/controls.ts";
import { ContainerError, systemReason, UsageError } from "../../spec/errors.ts";
import {
  asReference,
  familiarName,
  withDefaultTag,
} from "../spec/reference.ts";

const SOCKET = "/var/run/docker.sock";
/** More of an answer that is no archive is not read. */
const LONGEST_ANSWER = 64 * 1024;

/** The socket of the daemon, as docker finds it. */
function socketPath(): string {
  const host = Deno.env.get("DOCKER_HOST") || `unix://${SOCKET}`;
  const path = /^unix:\/\/(\/.*)$/.exec(host)?.[1];
  if (path !== undefined) return path;
  throw new UsageError(
    `Cannot use the docker daemon at ${
      withoutControls(host)
    }: only sockets of this machine are supported`,
    "Set DOCKER_HOST to unix:///PATH, or copy the image with docker save.",
  );
}

/** What the daemon calls an image: its name with a tag, or its ID. */
export function daemonName(word: string): string {
  if (/^(sha256:)?[0-9a-f]{64}$/.test(word)) return word;
  const reference = asReference(word);
  if (reference) return familiarName(withDefaultTag(reference));
  throw new UsageError(
    `docker-daemon:${word} names no image`,
    "Write docker-daemon:NAME:TAG or docker-daemon:sha256:DIGEST.",
  );
}

/** Sends a request and waits for the head of the answer. */
async function ask(
  method: "GET" | "POST",
  path: string,
  send: (request: ClientRequest) => Promise<void>,
  signal?: AbortSignal,
): Promise<IncomingMessage> {
  const socket = socketPath();
  const { promise, resolve, reject } = Promise.withResolvers<
    IncomingMessage
  >();
  const call = request({
    socketPath: socket,
    method,
    path,
    headers: {
      host: "docker",
      ...method === "POST" ? { "content-type": "application/x-tar" } : {},
    },
    ...signal ? { signal } : {},
  });
  call.on("response", resolve);
  call.on("error", reject);
  try {
    const [answer] = await Promise.all([
      promise,
      Promise.race([send(call), promise]),
    ]);
    return answer;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof ContainerError) throw error;
    throw new ContainerError(
      `Cannot reach the docker daemon at ${socket}: ${reasonOf(error)}`,
      {
        hint:
          "Start it, or name its socket in DOCKER_HOST. The socket belongs to root and the group docker.",
        cause: error,
      },
    );
  }
}

const CAUSES: Readonly<Record<string, string>> = {
  ENOENT: "there is no such socket",
  ECONNREFUSED: "it does not run",
  EACCES: "permission denied",
  EPERM: "permission denied",
};

const reasonOf = (error: unknown): string => {
  const code = error instanceof Error && "code" in error ? error.code : "";
  return CAUSES[String(code)] ?? systemReason(error);
};

/** The beginning of an answer as text. */
async function textOf(answer: IncomingMessage): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const part of answer) {
    text += decoder.decode(part, { stream: true });
    if (text.length > LONGEST_ANSWER) break;
  }
  return text;
}

function refusal(action: string, text: string): ContainerError {
  let message = text.trim();
  try {
    const value: unknown = JSON.parse(text);
    if (
      typeof value === "object" && value !== null && "message" in value &&
      typeof value.message === "string"
    ) message = value.message;
  } catch {
    // It is no JSON.
  }
  return new ContainerError(
    `${action}: docker says: ${withoutControls(message.slice(0, 300))}`,
    { hint: "docker images lists those that it has." },
  );
}

/**
 * The archive that the daemon writes of an image.
 *
 * @throws {ContainerError}
 */
export async function* savedByDocker(
  word: string,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const name = daemonName(word);
  const answer = await ask(
    "GET",
    `/images/${encodeURIComponent(name)}/get`,
    (call) => Promise.resolve(void call.end()),
    signal,
  );
  if (answer.statusCode !== 200) {
    throw refusal(
      `Cannot get ${word} of the docker daemon`,
      await textOf(answer),
    );
  }
  for await (const part of answer) yield part;
}

/**
 * Gives the daemon an archive of images.
 *
 * @param write writes the archive
 * @throws {ContainerError}
 */
export async function loadIntoDocker(
  write: (take: (bytes: Uint8Array) => Promise<void>) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const answer = await ask("POST", "/images/load?quiet=1", async (call) => {
    await write((bytes) =>
      new Promise((resolve, reject) =>
        call.write(bytes, (error) => error ? reject(error) : resolve())
      )
    );
    call.end();
  }, signal);
  const text = await textOf(answer);
  const failed = /"error":"((?:[^"\\]|\\.)*)"/.exec(text)?.[1];
  if (answer.statusCode !== 200 || failed !== undefined) {
    throw refusal(
      "Cannot put the image into the docker daemon",
      failed ?? text,
    );
  }
}

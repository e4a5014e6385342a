/**
 * Puts blobs and manifests into a repository of a registry. What is there is
 * not sent again; what another repository of the registry has is mounted. Runs
 * in the command's process.
 */

import type { Descriptor } from "../spec/types.ts";
import type { RegistryRequest } from "./connection.ts";
import { RegistryError } from "./errors.ts";
import type { Answer } from "./exchange.ts";
import type { Repository } from "./repository.ts";

/** How a blob got into the registry. */
export type Uploaded = "here" | "mounted" | "sent";

/** Where the content of a blob is, and who is told how much has been sent. */
export interface BlobFile {
  path: string;
  /** Another repository of the registry that has the blob, perhaps. */
  from?: string;
  onSent?(bytes: number): void;
}

/** The bytes of one request. */
const CHUNK = 8 * 1024 * 1024;
/** Further tries without a new byte. */
const TRIES = 5;

type Rest = Pick<RegistryRequest, "accepts" | "headers" | "method" | "body">;

/** Uploads to one repository. */
export class Uploads {
  constructor(readonly repository: Repository) {}

  #request(rest: Rest, from?: string): RegistryRequest {
    const { reference, name } = this.repository;
    return {
      action: `Cannot push ${name} to ${reference.registry}`,
      scopes: [
        this.repository.scope("pull,push"),
        ...from === undefined ? [] : [`repository:${from}:pull`],
      ],
      ...rest,
    };
  }

  #send(path: string | URL, rest: Rest, from?: string): Promise<Answer> {
    return this.repository.connection.request(path, this.#request(rest, from));
  }

  /**
   * Puts a blob into the repository.
   *
   * @throws {RegistryError}
   */
  async blob(
    { digest, size }: Descriptor,
    { path, from, onSent }: BlobFile,
  ): Promise<Uploaded> {
    const { base } = this.repository;
    const { response } = await this.#send(`${base}/blobs/${digest}`, {
      method: "HEAD",
      accepts: [200, 404],
    });
    await response.body?.cancel();
    if (response.status === 200) return "here";
    const query = from === undefined
      ? ""
      : `?${new URLSearchParams({ mount: digest, from })}`;
    const begun = await this.#send(`${base}/blobs/uploads/${query}`, {
      method: "POST",
      accepts: [201, 202],
    }, from);
    await begun.response.body?.cancel();
    if (begun.response.status === 201) return "mounted";
    using file = await Deno.open(path);
    let location = this.#next(begun);
    if (size > CHUNK) {
      location = await this.#chunks(location, file, size, onSent);
    }
    // A small blob goes with the last request.
    const bytes = size > CHUNK ? new Uint8Array() : await readAt(file, 0, size);
    location.searchParams.set("digest", digest);
    const ended = await this.#send(location, {
      method: "PUT",
      headers: { "content-type": "application/octet-stream" },
      body: () => bytes,
      accepts: [201],
    });
    await ended.response.body?.cancel();
    onSent?.(size);
    return "sent";
  }

  /** Sends a large blob in parts. */
  async #chunks(
    start: URL,
    file: Deno.FsFile,
    size: number,
    onSent?: (bytes: number) => void,
  ): Promise<URL> {
    let location = start;
    let failures = 0;
    let furthest = 0;
    for (let offset = 0; offset < size;) {
      const bytes = await readAt(file, offset, Math.min(CHUNK, size - offset));
      const end = offset + bytes.length;
      const answer = await this.#send(location, {
        method: "PATCH",
        headers: {
          "content-type": "application/octet-stream",
          "content-range": `${offset}-${end - 1}`,
        },
        body: () => bytes,
        accepts: [202, 416],
      });
      await answer.response.body?.cancel();
      if (answer.response.status === 202) {
        location = this.#next(answer);
        // A part that the registry has taken twice is no progress.
        if (end > furthest) failures = 0;
        furthest = Math.max(furthest, end);
        onSent?.(offset = end);
        continue;
      }
      // An earlier try arrived in part. The registry knows how much.
      if (++failures > TRIES) throw this.#broken("it refuses each part");
      const status = await this.#send(location, { accepts: [204] });
      await status.response.body?.cancel();
      location = this.#next(status);
      const last = /-(\d+)$/.exec(status.response.headers.get("range") ?? "");
      offset = last ? Number(last[1]) + 1 : 0;
    }
    return location;
  }

  /** The address of the next request of an upload. */
  #next({ response, url }: Answer): URL {
    const location = response.headers.get("location");
    if (location !== null && URL.canParse(location, url)) {
      const next = new URL(location, url);
      const isSafe = next.protocol === url.protocol ||
        next.protocol === "https:";
      if (isSafe) return next;
    }
    throw this.#broken("it names no place for the upload");
  }

  #broken(cause: string): RegistryError {
    const { name, reference } = this.repository;
    return new RegistryError(
      `Cannot push ${name} to ${reference.registry}: ${cause}`,
      { hint: "The registry is broken: tell its owner." },
    );
  }

  /**
   * Puts a manifest into the repository.
   *
   * @param target a tag or a digest
   * @throws {RegistryError}
   */
  async manifest(
    target: string,
    bytes: Uint8Array<ArrayBuffer>,
    mediaType: string,
  ): Promise<void> {
    const { response } = await this.#send(
      `${this.repository.base}/manifests/${target}`,
      {
        method: "PUT",
        headers: { "content-type": mediaType },
        body: () => bytes,
        accepts: [201],
      },
    );
    await response.body?.cancel();
  }
}

/** A part of a file. */
async function readAt(
  file: Deno.FsFile,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  await file.seek(offset, Deno.SeekMode.Start);
  for (let at = 0; at < length;) {
    const count = await file.read(bytes.subarray(at));
    if (count === null) throw new Error("The file became shorter");
    at += count;
  }
  return bytes;
}

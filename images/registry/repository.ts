/**
 * A repository of a registry: manifests and blobs by the distribution protocol.
 * Everything is verified by its digest. Runs in the command's process.
 */

import { Digester } from "../spec/digest.ts";
import { ACCEPT } from "../spec/media_types.ts";
import {
  familiarRepository,
  isTag,
  type Reference,
} from "../spec/reference.ts";
import { type Descriptor, LARGEST_MANIFEST } from "../spec/types.ts";
import type { Connection, RegistryRequest } from "./connection.ts";
import { networkFailure, RegistryError } from "./errors.ts";
import { type Network, pause, readBytes, withoutSilence } from "./exchange.ts";

/** A manifest or an index, as the registry sent it. */
export interface SentManifest {
  bytes: Uint8Array;
  mediaType?: string;
  digest: string;
}

/** Further tries without a new byte. */
const TRIES = 5;
const FIRST_PAUSE = 250;
/** A digest of the algorithm in which registries name what they have. */
const SHA256 = /^sha256:[0-9a-f]{64}$/;

/** Tags to ask for at once. */
const PAGE = 1000;
const MOST_TAGS = 100_000;

/** The tags in a page; what is no tag is left out. */
function tagsIn(text: string): string[] {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || !("tags" in value)) {
      return [];
    }
    return Array.isArray(value.tags) ? value.tags.filter(isTag) : [];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

/** A repository of a registry. */
export class Repository {
  readonly name: string;
  readonly base: string;

  constructor(
    readonly connection: Connection,
    readonly reference: Reference,
  ) {
    this.name = familiarRepository(reference);
    this.base = `/v2/${reference.path}`;
  }

  /** What may be done with the repository, in the words of the protocol. */
  scope(actions = "pull"): string {
    return `repository:${this.reference.path}:${actions}`;
  }

  get #network(): Network {
    return this.connection.options.network;
  }

  #pull(
    target: string,
    rest: Pick<RegistryRequest, "accepts" | "headers" | "method">,
  ): RegistryRequest {
    const { registry } = this.reference;
    return {
      action: `Cannot pull ${target} from ${registry}`,
      scopes: [this.scope()],
      ...rest,
    };
  }

  /** How messages name a tag or a digest of this repository. */
  #named(target: string): string {
    return `${this.name}${SHA256.test(target) ? "@" : ":"}${target}`;
  }

  /**
   * The digest of a manifest, without fetching it; null if the registry does
   * not say it.
   *
   * @throws {RegistryError} if there is none
   */
  async digestOf(target: string): Promise<string | null> {
    const { response } = await this.connection.request(
      `${this.base}/manifests/${target}`,
      this.#pull(this.#named(target), {
        method: "HEAD",
        headers: { accept: ACCEPT.join(", ") },
        accepts: [200, 405],
      }),
    );
    await response.body?.cancel();
    const digest = response.headers.get("docker-content-digest");
    return response.status === 200 && digest && SHA256.test(digest)
      ? digest
      : null;
  }

  /**
   * Fetches a manifest or an index.
   *
   * @param target a tag or a digest
   * @throws {RegistryError} if there is none, or if its digest is another
   */
  async manifest(target: string): Promise<SentManifest> {
    const { response } = await this.connection.request(
      `${this.base}/manifests/${target}`,
      this.#pull(this.#named(target), {
        headers: { accept: ACCEPT.join(", ") },
        accepts: [200],
      }),
    );
    const bytes = await this.#whole(response, target);
    const digester = new Digester(target.includes(":") ? target : undefined);
    digester.update(bytes);
    const digest = digester.end();
    if (target.includes(":") && digest !== target) {
      throw new RegistryError(
        `Cannot use ${
          this.#named(target)
        }: the registry sent a manifest with another digest, ${digest}`,
        { hint: "Try again; if it happens again, the registry is broken." },
      );
    }
    return {
      bytes,
      digest,
      mediaType: response.headers.get("content-type") ?? undefined,
    };
  }

  /**
   * The tags of the repository, page by page.
   *
   * @throws {RegistryError}
   */
  async tags(): Promise<string[]> {
    const tags = new Set<string>();
    let next: string | null = `${this.base}/tags/list?n=${PAGE}`;
    while (next !== null) {
      const { response, url } = await this.connection.request(
        next,
        this.#pull(this.name, { accepts: [200] }),
      );
      const before = tags.size;
      for (const tag of tagsIn(await this.#page(response))) tags.add(tag);
      const link = response.headers.get("link") ?? "";
      const [, address] = /<([^>]*)>\s*;\s*rel="?next"?/.exec(link) ?? [];
      // A page without a new tag would go on for ever.
      const goesOn = address !== undefined && tags.size > before &&
        tags.size < MOST_TAGS && URL.canParse(address, url);
      if (!goesOn) break;
      // A registry behind a proxy may not know its own name. No other host is
      // asked.
      const { pathname, search } = new URL(address, url);
      next = `${pathname}${search}`;
    }
    return [...tags];
  }

  async #whole(response: Response, target: string): Promise<Uint8Array> {
    const bytes = await this.#bytes(response, this.#named(target));
    if (bytes) return bytes;
    throw new RegistryError(
      `Cannot pull ${this.#named(target)}: its manifest is larger than 4 MiB`,
      { hint: "This is no image of a container." },
    );
  }

  /** A page of tags, as text; empty if it is too large. */
  async #page(response: Response): Promise<string> {
    const bytes = await this.#bytes(response, this.name);
    return new TextDecoder().decode(bytes ?? new Uint8Array());
  }

  /** A small body, or the reason why it does not arrive. */
  async #bytes(
    response: Response,
    named: string,
  ): Promise<Uint8Array | null> {
    try {
      return await readBytes(response, this.#network, LARGEST_MANIFEST);
    } catch (error) {
      this.#network.signal?.throwIfAborted();
      const { cause, hint } = networkFailure(error);
      throw new RegistryError(`Cannot pull ${named}: ${cause}`, {
        hint,
        cause: error,
      });
    }
  }

  /**
   * Fetches a blob. A connection that breaks is made again, and goes on where
   * it was. The caller verifies the digest.
   *
   * @throws {RegistryError}
   */
  async *blob({ digest, size }: Descriptor): AsyncGenerator<Uint8Array> {
    let offset = 0;
    let failures = 0;
    do {
      const before = offset;
      let failure: unknown;
      try {
        for await (const part of this.#part(digest, size, offset)) {
          offset += part.length;
          yield part;
        }
      } catch (error) {
        this.#network.signal?.throwIfAborted();
        if (error instanceof RegistryError) throw error;
        failure = error;
      }
      if (offset >= size) return;
      failures = offset > before ? 0 : failures + 1;
      const { cause, hint } = networkFailure(failure ?? new Error("it ended"));
      const error = new RegistryError(
        `Cannot pull a layer of ${this.name}: ${cause} after ${offset} of ${size} bytes`,
        { hint, cause: failure },
      );
      if (failures >= TRIES) throw error;
      const delay = FIRST_PAUSE * 2 ** failures;
      this.#network.onWait?.(delay, error.message);
      await (this.#network.pause ?? pause)(delay, this.#network.signal);
    } while (offset < size);
  }

  /** One answer with a blob, from an offset on. */
  async *#part(
    digest: string,
    size: number,
    offset: number,
  ): AsyncGenerator<Uint8Array> {
    const { response } = await this.connection.request(
      `${this.base}/blobs/${digest}`,
      this.#pull(`a part of ${this.name}`, {
        headers: offset ? { range: `bytes=${offset}-` } : {},
        accepts: [200, 206, 416],
      }),
    );
    const { status, headers } = response;
    const length = Number(headers.get("content-length") ?? NaN);
    const isWhole = status === 200;
    const expected = isWhole ? size : size - offset;
    const start = /^bytes (\d+)-/.exec(headers.get("content-range") ?? "")?.[1];
    if (
      status === 416 || !Number.isNaN(length) && length !== expected ||
      status === 206 && Number(start) !== offset
    ) {
      await response.body?.cancel();
      throw new RegistryError(
        `Cannot use ${digest} of ${this.name}: the registry has another number of bytes than its manifest says`,
        { hint: "Push the image again, or choose another." },
      );
    }
    // A registry without ranges begins anew.
    let skip = isWhole ? offset : 0;
    for await (const bytes of withoutSilence(response, this.#network)) {
      const rest = bytes.subarray(Math.min(skip, bytes.length));
      skip -= bytes.length - rest.length;
      if (rest.length) yield rest;
    }
  }
}

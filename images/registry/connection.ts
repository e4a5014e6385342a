/**
 * Requests to one registry: with TLS or without, with authorization. Runs in
 * the command's process.
 */

import { Authorizer } from "./authorizer.ts";
import { certificatesFor, httpClient } from "./certificates.ts";
import { parseChallenges } from "./challenge.ts";
import type { Credentials } from "./credential_helper.ts";
import { answerError, RegistryError } from "./errors.ts";
import {
  type Answer,
  type Exchange,
  exchange,
  isLoopback,
  type Network,
  readText,
} from "./exchange.ts";
import type { UnverifiedRelay } from "./unverified_relay.ts";
import { DEFAULT_REGISTRY } from "../spec/reference.ts";

/** The host of docker.io. */
const DOCKER_HOST = "registry-1.docker.io";

/** The HTTP clients of one command, each with the certificates of its host. */
export class Clients implements Disposable {
  readonly #clients = new Map<string, Deno.HttpClient>();
  readonly #relays = new Map<string, UnverifiedRelay>();

  /** @param directory the directory of `--cert-dir` */
  constructor(readonly directory?: string) {}

  for(host: string): Deno.HttpClient {
    const known = this.#clients.get(host);
    if (known) return known;
    const client = httpClient(certificatesFor(host, this.directory));
    this.#clients.set(host, client);
    return client;
  }

  /** The client for a host whose certificate is not checked, without TLS. */
  async unverified(host: string): Promise<Deno.HttpClient> {
    const { UnverifiedRelay } = await import("./unverified_relay.ts");
    const relay = this.#relays.get(host) ??
      new UnverifiedRelay(host, certificatesFor(host, this.directory));
    this.#relays.set(host, relay);
    return relay.client;
  }

  [Symbol.dispose](): void {
    this.#relays.forEach((relay) => relay[Symbol.dispose]());
    this.#relays.clear();
    this.#clients.forEach((client) => client.close());
    this.#clients.clear();
  }
}

/** A request to a registry. */
export interface RegistryRequest extends Omit<Exchange, "action"> {
  action: string;
  /** What it needs: `repository:library/alpine:pull`. */
  scopes: readonly string[];
}

const isBasic = ({ authorization }: Record<string, string>) =>
  authorization?.startsWith("Basic ");

/** One registry, for one command. */
export class Connection {
  /** With TLS or without; unknown until the first answer. */
  #scheme: "https:" | "http:" | undefined;
  readonly #authorizer: Authorizer;
  readonly #host: string;
  readonly #network: Network;
  /** Of an insecure registry, whose certificate is not valid. */
  #relay: Deno.HttpClient | undefined;

  constructor(
    readonly registry: string,
    readonly options: {
      insecure: boolean;
      network: Network;
      credentials: () => Promise<Credentials | null>;
    },
  ) {
    this.#host = registry === DEFAULT_REGISTRY ? DOCKER_HOST : registry;
    this.#network = {
      ...options.network,
      // No other host is used without a valid certificate.
      unverified: (host) =>
        host === this.#hostOf(new URL("https://any")) ? this.#relay : undefined,
    };
    let found: Promise<Credentials | null> | undefined;
    this.#authorizer = new Authorizer(
      registry,
      () => found ??= options.credentials(),
      this.#network,
      options.insecure,
    );
  }

  /** Whether the registry may be used without TLS. */
  get #mayBePlain(): boolean {
    return this.options.insecure || isLoopback(this.#host);
  }

  /**
   * Makes a request for a path of the registry, or for an address that the
   * registry gave.
   *
   * @throws {RegistryError}
   */
  async request(
    path: string | URL,
    request: RegistryRequest,
  ): Promise<Answer> {
    const { scopes, action, accepts, headers } = request;
    for (let attempt = 0;; attempt++) {
      // An upload can go to another host, which gets no credentials.
      const isElsewhere = path instanceof URL &&
        path.host !== this.#hostOf(path);
      const authorization = isElsewhere
        ? {}
        : await this.#authorizer.header(scopes, action);
      const answer = await this.#send(path, {
        ...request,
        headers: { ...headers, ...authorization },
        accepts: [...accepts, 401],
      });
      const { response } = answer;
      if (response.status !== 401 || accepts.includes(401)) return answer;
      const challenges = parseChallenges(
        response.headers.get("www-authenticate") ?? "",
      );
      const body = await readText(response, this.options.network);
      // A host that the registry redirects to does not choose who gets the
      // password (CVE-2020-15157).
      const isOwn = !isElsewhere &&
        answer.url.host === this.#hostOf(answer.url);
      // The first answer says what it demands; a token can have expired.
      const canAnswer = attempt < 2 && isOwn &&
        !(attempt > 0 && isBasic(authorization)) &&
        await this.#authorizer.answer(challenges, scopes);
      if (!canAnswer) throw answerError(action, 401, body);
    }
  }

  /** The registry's host, as an address with this protocol has it. */
  #hostOf({ protocol }: URL): string {
    return new URL(`${protocol}//${this.#host}`).host;
  }

  /** Sends a request; the first one finds out whether there is TLS. */
  async #send(path: string | URL, request: Exchange): Promise<Answer> {
    const network = this.#network;
    const at = (scheme: string) =>
      path instanceof URL ? path : new URL(path, `${scheme}//${this.#host}`);
    if (this.#scheme || path instanceof URL) {
      return await exchange(at(this.#scheme ?? "https:"), request, network);
    }
    try {
      const answer = await exchange(at("https:"), request, network);
      this.#scheme = "https:";
      return answer;
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      if (error.isUntrusted && this.options.insecure) {
        this.#relay = await this.options.network.relay?.(this.#host);
        if (!this.#relay) throw error;
        const answer = await exchange(at("https:"), request, network);
        this.#scheme = "https:";
        return answer;
      }
      if (!error.isUnanswered || !this.#mayBePlain) throw error;
      return await this.#plainly(at("http:"), request, error);
    }
  }

  async #plainly(
    url: URL,
    request: Exchange,
    first: RegistryError,
  ): Promise<Answer> {
    try {
      const answer = await exchange(url, request, this.#network);
      this.#scheme = "http:";
      return answer;
    } catch (error) {
      // The registry has TLS after all; its first error says more.
      if (error instanceof RegistryError && error.isUnanswered) throw first;
      throw error;
    }
  }
}

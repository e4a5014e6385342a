/**
 * Authorization at a registry: a name and a password, or a token that another
 * server gives for them, as in the distribution specification's token protocol.
 * Runs in the command's process.
 */

import { ContainerError } from "../../spec/errors.ts";
import type { Challenge } from "./challenge.ts";
import type { Credentials } from "./credential_helper.ts";
import { RegistryError } from "./errors.ts";
import { exchange, isLoopback, type Network, readBytes } from "./exchange.ts";

/** Seconds that a token is valid if its server does not say it. */
const DEFAULT_VALIDITY = 60;
/** Seconds before its end at which a token is no longer used. */
const MARGIN = 5;
const LARGEST_ANSWER = 1024 * 1024;

interface Token {
  text: string;
  /** Milliseconds since the epoch. */
  ends: number;
}

/** The authorization of one command at one registry. */
export class Authorizer {
  readonly #tokens = new Map<string, Promise<Token>>();
  #challenge: Challenge | undefined;

  constructor(
    readonly registry: string,
    readonly credentials: () => Promise<Credentials | null>,
    readonly network: Network,
    /** Whether passwords may go to a server without TLS. */
    readonly insecure: boolean,
  ) {}

  /**
   * The header for a request, as far as it is known what the registry demands.
   *
   * @param scopes what the request needs: `repository:library/alpine:pull`
   */
  async header(
    scopes: readonly string[],
    action: string,
  ): Promise<Record<string, string>> {
    if (!this.#challenge) return {};
    const { scheme, parameters } = this.#challenge;
    const found = await this.credentials();
    if (found?.registryToken) {
      return { authorization: `Bearer ${found.registryToken}` };
    }
    if (scheme === "basic") {
      return found ? { authorization: basic(found) } : {};
    }
    const text = await this.#token(parameters, scopes, found, action);
    return { authorization: `Bearer ${text}` };
  }

  /**
   * Takes in what a registry demands.
   *
   * @returns whether another try can succeed
   */
  async answer(
    challenges: readonly Challenge[],
    scopes: readonly string[],
  ): Promise<boolean> {
    const known =
      challenges.find(({ scheme, parameters }) =>
        scheme === "bearer" && parameters.realm
      ) ?? challenges.find(({ scheme }) => scheme === "basic");
    if (!known) return false;
    this.#challenge = known;
    this.#tokens.delete(keyOf(known.parameters, scopes));
    return known.scheme === "bearer" || await this.credentials() !== null;
  }

  async #token(
    parameters: Record<string, string>,
    scopes: readonly string[],
    credentials: Credentials | null,
    action: string,
  ): Promise<string> {
    const key = keyOf(parameters, scopes);
    const known = await this.#tokens.get(key);
    if (known && known.ends > Date.now()) return known.text;
    // The layers of an image ask at the same time, and share one token.
    const asked = this.#ask(parameters, scopes, credentials, action);
    this.#tokens.set(key, asked);
    asked.catch(() => this.#tokens.delete(key));
    return (await asked).text;
  }

  /** Asks the server that the registry names for a token. */
  async #ask(
    { realm = "", service }: Record<string, string>,
    scopes: readonly string[],
    credentials: Credentials | null,
    action: string,
  ): Promise<Token> {
    const url = this.#realm(realm);
    const form = new URLSearchParams();
    if (service) form.set("service", service);
    const headers: Record<string, string> = {};
    const isForm = credentials?.identityToken !== undefined;
    if (isForm) {
      form.set("grant_type", "refresh_token");
      form.set("refresh_token", credentials.identityToken!);
      form.set("client_id", "container");
      form.set("scope", scopes.join(" "));
      headers["content-type"] = "application/x-www-form-urlencoded";
    } else {
      for (const scope of scopes) form.append("scope", scope);
      if (credentials) {
        form.set("account", credentials.user);
        headers.authorization = basic(credentials);
      }
      form.forEach((value, name) => url.searchParams.append(name, value));
    }
    const { response } = await exchange(url, {
      ...isForm
        ? { method: "POST", body: () => form.toString(), isSecret: true }
        : {},
      headers,
      action,
      accepts: [200],
    }, this.network);
    return this.#read(await readBytes(response, this.network, LARGEST_ANSWER));
  }

  /** The address of the token server. The password goes there. */
  #realm(text: string): URL {
    const url = URL.canParse(text) ? new URL(text) : null;
    const isSafe = url?.protocol === "https:" ||
      url?.protocol === "http:" && (this.insecure || isLoopback(url.host));
    if (url && isSafe) return url;
    throw new RegistryError(
      `Cannot log in to ${this.registry}: its token server ${
        JSON.stringify(text.slice(0, 100))
      } has no TLS`,
      { hint: "Tell the owner of the registry." },
    );
  }

  #read(bytes: Uint8Array | null): Token {
    try {
      const value: unknown = JSON.parse(
        new TextDecoder().decode(bytes ?? new Uint8Array()),
      );
      if (typeof value === "object" && value !== null) {
        const { token, access_token, expires_in } = value as Record<
          string,
          unknown
        >;
        const text = token || access_token;
        const seconds = typeof expires_in === "number" && expires_in > 0
          ? expires_in
          : DEFAULT_VALIDITY;
        if (typeof text === "string" && /^[\x21-\x7e]+$/.test(text)) {
          const ends = Date.now() + Math.max(1, seconds - MARGIN) * 1000;
          return { text, ends };
        }
      }
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    throw new ContainerError(
      `Cannot log in to ${this.registry}: its token server sends no token`,
      { hint: "Tell the owner of the registry." },
    );
  }
}

const keyOf = (
  { realm = "", service = "" }: Record<string, string>,
  scopes: readonly string[],
) => [realm, service, ...scopes].join("\n");

/** The header of a name and a password, RFC 7617. */
function basic({ user, password }: Credentials): string {
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

/**
 * The registries of one command: its settings, its credentials and its
 * connections. Runs in the command's process.
 */

import type { Reference } from "../spec/reference.ts";
import { Clients, Connection } from "./connection.ts";
import type { Credentials } from "./credential_helper.ts";
import { findCredentials } from "./credentials.ts";
import type { Network } from "./exchange.ts";
import { demandedFor, readPolicy } from "./policy.ts";
import { type Endpoint, RegistriesConf } from "./registries_conf.ts";
import { Repository } from "./repository.ts";
import type { Demands } from "./signatures.ts";

/** What a command line says of registries. */
export interface SessionOptions {
  /** The file of `--authfile`. */
  authFile?: string;
  /** The value of `--creds`. */
  credentials?: Credentials;
  /** The directory of `--cert-dir`. */
  certificates?: string;
  /** `--tls-verify=false`: any registry may be used without TLS. */
  insecure?: boolean;
  signal?: AbortSignal;
  onWait?(milliseconds: number, why: string): void;
}

/** The registries of one command. */
export class Session implements Disposable {
  readonly #clients: Clients;
  readonly #connections = new Map<string, Connection>();
  readonly network: Network;

  constructor(
    readonly options: SessionOptions = {},
    readonly conf: RegistriesConf = RegistriesConf.read(),
  ) {
    this.#clients = new Clients(options.certificates);
    this.network = {
      clientFor: (host) => this.#clients.for(host),
      relay: (host) => this.#clients.unverified(host),
      signal: options.signal,
      onWait: options.onWait,
    };
  }

  /**
   * Refuses an image that the policy of this machine does not allow.
   *
   * @returns the signatures that it demands, for checkSignatures()
   * @throws {ContainerError}
   */
  demands(reference: Reference): Demands {
    const policy = readPolicy();
    return {
      policy: policy?.file ?? "",
      signatures: demandedFor(policy, reference),
    };
  }

  /** The repository at an endpoint. */
  repository({ reference, insecure }: Endpoint): Repository {
    const { registry, path } = reference;
    // Credentials can belong to a part of a registry.
    const key = `${registry} ${path}`;
    const connection = this.#connections.get(key) ??
      this.#connect(registry, path, insecure);
    this.#connections.set(key, connection);
    return new Repository(connection, reference);
  }

  #connect(registry: string, path: string, insecure: boolean): Connection {
    const { credentials, authFile } = this.options;
    return new Connection(registry, {
      insecure: insecure || (this.options.insecure ?? false),
      network: this.network,
      credentials: () =>
        credentials
          ? Promise.resolve(credentials)
          : findCredentials(registry, path, { file: authFile }),
    });
  }

  /**
   * Tries the credentials of this session at a registry.
   *
   * @throws {RegistryError} if the registry refuses them
   */
  async logIn(registry: string): Promise<void> {
    const { host, insecure } = this.#place(registry);
    const { response } = await this.#connect(host, "", insecure).request(
      "/v2/",
      {
        action: `Cannot log in to ${registry}`,
        scopes: [],
        accepts: [200],
      },
    );
    await response.body?.cancel();
  }

  /** Where a registry is, by the settings of the machine. */
  #place(registry: string): { host: string; insecure: boolean } {
    const host = registry.replace(/\/.*$/, "");
    // Settings are for repositories; any one will do.
    const reference = { registry: host, path: "library/any", tag: "any" };
    const last = this.conf.endpoints(reference).at(-1);
    return { host, insecure: last?.insecure ?? false };
  }

  [Symbol.dispose](): void {
    this.#clients[Symbol.dispose]();
  }
}

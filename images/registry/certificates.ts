/**
 * HTTP clients with the certificates of a registry: those of the machine, and
 * those in `certs.d` of docker and podman, containers-certs.d(5). Proxies are
 * taken from the environment by Deno. Runs in the command's process.
 */

import { ContainerError } from "../../spec/errors.ts";
import {
  filesWith,
  homeDirectory,
  readSettings,
  userConfig,
} from "./config_files.ts";

/** Where distributions keep the certificates of authorities. */
const BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** Certificates for one registry. */
export interface Certificates {
  /** Authorities, in PEM. */
  authorities: string[];
  /** The certificate of this client and its key, in PEM. */
  client?: { cert: string; key: string };
}

/** The authorities of the machine; SSL_CERT_FILE names another file. */
function systemAuthorities(): string[] {
  const named = Deno.env.get("SSL_CERT_FILE");
  for (const path of named ? [named] : BUNDLES) {
    const text = readSettings(path);
    if (text !== null) return [text];
  }
  return [];
}

/** The directories with the certificates of a registry. */
function directoriesOf(host: string, named?: string): string[] {
  if (named !== undefined) return [named];
  // A redirect can name any host.
  if (!/^[\w[]/.test(host) || host.includes("/")) return [];
  const config = userConfig();
  const home = homeDirectory();
  return [
    ...config === null ? [] : [`${config}/certs.d`],
    ...home === null ? [] : [`${home}/.docker/certs.d`],
    "/etc/containers/certs.d",
    "/etc/docker/certs.d",
  ].map((directory) => `${directory}/${host}`);
}

/**
 * Reads the certificates for a registry: `*.crt` are authorities, `NAME.cert`
 * and `NAME.key` belong to this client.
 *
 * @param host the registry with its port, as in its name
 * @param directory the directory of `--cert-dir`, instead of all others
 * @throws {ContainerError} if a key is missing
 */
export function certificatesFor(
  host: string,
  directory?: string,
): Certificates {
  const found: Certificates = { authorities: systemAuthorities() };
  for (const path of directoriesOf(host, directory)) {
    found.authorities.push(
      ...filesWith(path, ".crt").map((file) => readSettings(file) ?? ""),
    );
    const [cert] = filesWith(path, ".cert");
    if (cert === undefined || found.client) continue;
    const key = cert.replace(/\.cert$/, ".key");
    const [certText, keyText] = [readSettings(cert), readSettings(key)];
    if (certText === null || keyText === null) {
      throw new ContainerError(`${cert} has no key: ${key} is missing`, {
        hint: "Put the key there, or remove the certificate.",
      });
    }
    found.client = { cert: certText, key: keyText };
  }
  return found;
}

/**
 * Makes the HTTP client for a registry. The caller closes it.
 *
 * @throws {ContainerError} if a certificate is damaged
 */
export function httpClient(
  { authorities, client }: Certificates,
): Deno.HttpClient {
  try {
    return Deno.createHttpClient({
      caCerts: authorities,
      ...client ?? {},
    });
  } catch (cause) {
    throw new ContainerError(
      `Cannot use the certificates for a registry: ${
        cause instanceof Error ? cause.message : cause
      }`,
      { hint: "Check the files in certs.d: they must be PEM.", cause },
    );
  }
}

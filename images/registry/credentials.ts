/**
 * The user's names and passwords for registries, in the files that docker and
 * podman share: docker's config.json and containers-auth.json(5), with the
 * helper programs that they name. Runs in the command's process.
 */

import { ContainerError, UsageError } from "../../spec/errors.ts";
import { DEFAULT_REGISTRY } from "../spec/reference.ts";
import {
  type AuthFile,
  dockerConfig,
  readAuthFile,
  searchedFiles,
  writeAuthFile,
} from "./auth_file.ts";
import {
  askHelper,
  type Credentials,
  eraseWithHelper,
  storeWithHelper,
} from "./credential_helper.ts";

/** The key of docker.io, from the time when it was the only registry. */
const DOCKER_KEY = "https://index.docker.io/v1/";

/**
 * Parses the value of `--creds`.
 *
 * @throws {UsageError}
 */
export function parseCredentials(text: string): Credentials {
  const colon = text.indexOf(":");
  if (colon > 0) {
    return { user: text.slice(0, colon), password: text.slice(colon + 1) };
  }
  throw new UsageError(
    "--creds: expected USER:PASSWORD",
    "Or use container login, which keeps the password out of the command line.",
  );
}

/** The keys of a repository in a file, the most specific first. */
export function keysFor(registry: string, path = ""): string[] {
  const parts = path === "" ? [] : path.split("/");
  const names = Array.from(
    { length: parts.length + 1 },
    (_, index) => [registry, ...parts.slice(0, parts.length - index)].join("/"),
  );
  return registry === DEFAULT_REGISTRY ? [...names, DOCKER_KEY] : names;
}

/** The registry that a key of docker's config.json means: it can be a URL. */
const hostOf = (key: string): string =>
  key.replace(/^https?:\/\//, "").replace(/\/(v[12]\/?)?$/, "");

/** The name by which helpers know a registry. */
export const helperKey = (registry: string): string =>
  registry === DEFAULT_REGISTRY ? DOCKER_KEY : registry;

/** Finds the entry of a repository in one file. */
function entryFor(
  { auths }: AuthFile,
  registry: string,
  path: string,
): string | undefined {
  const keys = Object.keys(auths);
  for (const wanted of keysFor(registry, path)) {
    const key = keys.find((key) => key === wanted) ??
      keys.find((key) => hostOf(key) === hostOf(wanted));
    if (key !== undefined) return key;
  }
  return undefined;
}

/**
 * Finds the credentials for a repository; null if there are none. The first
 * file that has some counts.
 *
 * @param options.file the file of `--authfile`, instead of all others
 * @throws {ContainerError} if a file or a helper is broken
 */
export async function findCredentials(
  registry: string,
  path: string,
  { file }: { file?: string } = {},
): Promise<Credentials | null> {
  for (const name of searchedFiles(file)) {
    const auth = readAuthFile(name);
    if (!auth) continue;
    const found = await credentialsIn(auth, name, registry, path);
    if (found) return found;
  }
  return null;
}

async function credentialsIn(
  auth: AuthFile,
  name: string,
  registry: string,
  path: string,
): Promise<Credentials | null> {
  const helper = auth.credHelpers[registry] ??
    auth.credHelpers[helperKey(registry)];
  if (helper !== undefined) return await askHelper(helper, helperKey(registry));
  const key = entryFor(auth, registry, path);
  const entry = key === undefined ? undefined : auth.auths[key];
  if (entry && Object.keys(entry).length) return decode(entry, name, registry);
  return auth.credsStore === undefined
    ? null
    : await askHelper(auth.credsStore, helperKey(registry));
}

function decode(
  entry: AuthFile["auths"][string],
  file: string,
  registry: string,
): Credentials | null {
  const { auth, username, password, identitytoken, registrytoken } = entry;
  const tokens = {
    ...identitytoken ? { identityToken: identitytoken } : {},
    ...registrytoken ? { registryToken: registrytoken } : {},
  };
  if (username !== undefined && password !== undefined) {
    return { user: username, password, ...tokens };
  }
  if (auth === undefined) {
    return Object.keys(tokens).length
      ? { user: "", password: "", ...tokens }
      : null;
  }
  let text = "";
  try {
    const bytes = Uint8Array.from(
      atob(auth),
      (letter) => letter.charCodeAt(0),
    );
    // docker pads with NUL.
    text = new TextDecoder().decode(bytes).replace(/\0+$/, "");
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
  }
  const colon = text.indexOf(":");
  if (colon < 0) {
    throw new ContainerError(
      `Cannot use ${file}: the entry for ${registry} is not USER:PASSWORD in base64`,
      { hint: `container login ${registry} writes it anew.` },
    );
  }
  return {
    user: text.slice(0, colon),
    password: text.slice(colon + 1),
    ...tokens,
  };
}

/**
 * Keeps credentials. Without `--authfile` they go into the file that already
 * has an entry for the registry, so that it does not hide the new one; else
 * into docker's config.json, which docker, podman and skopeo read.
 *
 * @returns the file or the helper that keeps them
 */
export async function keepCredentials(
  registry: string,
  credentials: Credentials,
  { file }: { file?: string } = {},
): Promise<{ place: string; isPlain: boolean }> {
  const name = file ?? fileWith(registry) ?? dockerConfig();
  const auth = readAuthFile(name) ?? emptyFile();
  const helper = auth.credHelpers[registry] ?? auth.credsStore;
  if (helper !== undefined) {
    await storeWithHelper(helper, helperKey(registry), credentials);
    return { place: `docker-credential-${helper}`, isPlain: false };
  }
  const { user, password, identityToken } = credentials;
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  const entry = {
    auth: btoa(String.fromCharCode(...bytes)),
    ...identityToken ? { identitytoken: identityToken } : {},
  };
  writeAuthFile(name, (whole) => ({
    ...whole,
    auths: { ...whole.auths as object, [helperKey(registry)]: entry },
  }));
  return { place: name, isPlain: true };
}

/**
 * Removes the credentials of a registry wherever they are.
 *
 * @returns whether there were any
 */
export async function forgetCredentials(
  registry: string,
  { file }: { file?: string } = {},
): Promise<boolean> {
  let found = false;
  for (const name of searchedFiles(file)) {
    const auth = readAuthFile(name);
    if (!auth) continue;
    const helper = auth.credHelpers[registry] ?? auth.credsStore;
    if (
      helper !== undefined &&
      await askHelper(helper, helperKey(registry)) !== null
    ) {
      await eraseWithHelper(helper, helperKey(registry));
      found = true;
    }
    const key = entryFor(auth, registry, "");
    if (key === undefined) continue;
    writeAuthFile(name, (whole) => {
      const { [key]: _, ...auths } = whole.auths as Record<string, unknown>;
      return { ...whole, auths };
    });
    found = true;
  }
  return found;
}

const emptyFile = (): AuthFile => ({ auths: {}, credHelpers: {} });

/** The first file that has an entry for a registry. */
function fileWith(registry: string): string | undefined {
  return searchedFiles().find((name) => {
    const auth = readAuthFile(name);
    return auth && entryFor(auth, registry, "") !== undefined;
  });
}

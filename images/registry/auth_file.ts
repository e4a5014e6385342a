/**
 * The files with credentials. Members that this program does not know are kept.
 * Runs in the command's process.
 */

import { ContainerError, systemReason } from "../../spec/errors.ts";
import { homeDirectory, readSettings, userConfig } from "./config_files.ts";

/** One entry: most have `auth`, which is USER:PASSWORD in base64. */
export interface AuthEntry {
  auth?: string;
  username?: string;
  password?: string;
  identitytoken?: string;
  registrytoken?: string;
}

/** The parts of a file that matter here. */
export interface AuthFile {
  auths: Record<string, AuthEntry>;
  credHelpers: Record<string, string>;
  credsStore?: string;
}

/**
 * docker's configuration file.
 *
 * @throws {ContainerError} if the user has no home directory
 */
export function dockerConfig(): string {
  const directory = Deno.env.get("DOCKER_CONFIG");
  if (directory) return `${directory}/config.json`;
  const home = homeDirectory();
  if (home !== null) return `${home}/.docker/config.json`;
  throw new ContainerError("Cannot keep a password: HOME is not set", {
    hint: "Set HOME, or name a file with --authfile.",
  });
}

/**
 * The files that can have credentials, in the order of containers-auth.json(5).
 *
 * @param file the only file, if the user has named it
 */
export function searchedFiles(file?: string): string[] {
  const named = file ?? Deno.env.get("REGISTRY_AUTH_FILE");
  if (named) return [named];
  const runtime = Deno.env.get("XDG_RUNTIME_DIR");
  const config = userConfig();
  const hasDocker = Deno.env.get("DOCKER_CONFIG") || homeDirectory() !== null;
  return [
    runtime
      ? `${runtime}/containers/auth.json`
      : `/run/containers/${Deno.uid()}/auth.json`,
    ...config === null ? [] : [`${config}/auth.json`],
    ...hasDocker ? [dockerConfig()] : [],
  ];
}

type Table = Record<string, unknown>;

const isTable = (value: unknown): value is Table =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The file as it is; null if it does not exist. */
function readWhole(name: string): Table | null {
  const text = readSettings(name);
  if (text === null) return null;
  if (text.trim() === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    if (isTable(value)) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  // The message of JSON.parse would show a part of the file.
  throw new ContainerError(`Cannot use ${name}: it is not a JSON object`, {
    hint: "Correct it, or name another file with --authfile.",
  });
}

/**
 * Reads a file with credentials; null if it does not exist.
 *
 * @throws {ContainerError}
 */
export function readAuthFile(name: string): AuthFile | null {
  const whole = readWhole(name);
  if (whole === null) return null;
  const texts = (value: unknown): Record<string, string> =>
    isTable(value)
      ? Object.fromEntries(
        Object.entries(value).filter((pair): pair is [string, string] =>
          typeof pair[1] === "string"
        ),
      )
      : {};
  const auths = isTable(whole.auths) ? whole.auths : {};
  return {
    auths: Object.fromEntries(
      Object.entries(auths).map(([key, entry]) => [key, texts(entry)]),
    ),
    credHelpers: texts(whole.credHelpers),
    ...typeof whole.credsStore === "string" && whole.credsStore
      ? { credsStore: whole.credsStore }
      : {},
  };
}

/** Changes a file. Only its owner can read it. */
export function writeAuthFile(
  name: string,
  change: (whole: Table) => Table,
): void {
  const whole = readWhole(name) ?? {};
  const directory = name.replace(/\/[^/]*$/, "");
  const draft = `${name}.${crypto.randomUUID()}`;
  try {
    if (directory !== name && directory !== "") {
      Deno.mkdirSync(directory, { recursive: true, mode: 0o700 });
    }
    const auths = isTable(whole.auths) ? whole.auths : {};
    const text = JSON.stringify(change({ ...whole, auths }), null, "\t");
    Deno.writeTextFileSync(draft, text, { createNew: true, mode: 0o600 });
    Deno.renameSync(draft, resolved(name));
  } catch (cause) {
    try {
      Deno.removeSync(draft);
    } catch {
      // It was not made, or the first error says more.
    }
    throw new ContainerError(
      `Cannot write ${name}: ${systemReason(cause)}`,
      { hint: "Name another file with --authfile.", cause },
    );
  }
}

/** The file that a link names, which people use for their settings. */
function resolved(name: string): string {
  try {
    return Deno.realPathSync(name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return name;
    throw error;
  }
}

/**
 * Where the tools of containers keep their settings: of this user, and of the
 * machine. Runs in the command's process.
 */

import { ContainerError, systemReason } from "../../spec/errors.ts";

/** The user's directory for settings of containers; null without a home. */
export function userConfig(): string | null {
  const config = Deno.env.get("XDG_CONFIG_HOME");
  if (config?.startsWith("/")) return `${config}/containers`;
  const home = homeDirectory();
  return home === null ? null : `${home}/.config/containers`;
}

/** The user's home; null if there is none. */
export function homeDirectory(): string | null {
  const home = Deno.env.get("HOME");
  return home?.startsWith("/") ? home : null;
}

/**
 * Reads a settings file; null if it does not exist.
 *
 * @throws {ContainerError} if it cannot be read: going on without it could
 * ignore what it forbids
 */
export function readSettings(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch (cause) {
    if (
      cause instanceof Deno.errors.NotFound ||
      cause instanceof Deno.errors.NotADirectory
    ) return null;
    throw new ContainerError(
      `Cannot read ${path}: ${systemReason(cause)}`,
      { hint: "Allow this user to read it.", cause },
    );
  }
}

/** The files in a directory with an ending, sorted; none if it is missing. */
export function filesWith(directory: string, ending: string): string[] {
  try {
    return [...Deno.readDirSync(directory)]
      .filter(({ name }) => name.endsWith(ending))
      .map(({ name }) => `${directory}/${name}`).sort();
  } catch (cause) {
    if (
      cause instanceof Deno.errors.NotFound ||
      cause instanceof Deno.errors.NotADirectory
    ) return [];
    throw new ContainerError(
      `Cannot read ${directory}: ${systemReason(cause)}`,
      { hint: "Allow this user to read it.", cause },
    );
  }
}

/**
 * The files that containers-registries.conf(5) names, in their order, with their
 * texts.
 *
 * @throws {ContainerError} if a file cannot be read
 */
export function registriesFiles(): [file: string, text: string][] {
  const user = userConfig();
  const named = Deno.env.get("CONTAINERS_REGISTRIES_CONF");
  const own = user === null ? null : `${user}/registries.conf`;
  const main = named ??
    (own !== null && readSettings(own) !== null
      ? own
      : "/etc/containers/registries.conf");
  const files = [
    main,
    ...filesWith("/etc/containers/registries.conf.d", ".conf"),
    ...user === null ? [] : filesWith(`${user}/registries.conf.d`, ".conf"),
  ];
  return files.flatMap((file): [string, string][] => {
    const text = readSettings(file);
    return text === null ? [] : [[file, text]];
  });
}

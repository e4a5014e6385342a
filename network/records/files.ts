/**
 * Files of networks: locks and whole texts. Runs on the host.
 *
 * @module
 */

import { ContainerError, systemReason } from "../../spec/errors.ts";

/** Waits for a lock, flock(2), which the kernel frees if its holder is killed. */
export function lockFile(path: string): Disposable {
  const file = Deno.openSync(path, { create: true, write: true, mode: 0o600 });
  try {
    file.lockSync(true);
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Writes a file whole or not at all. */
export function writeWhole(path: string, text: string): void {
  const [, directory, name] = /^(.*)\/([^/]*)$/.exec(path)!;
  const draft = `${directory}/.${name}.${Deno.pid}`;
  Deno.writeTextFileSync(draft, text, { mode: 0o600 });
  Deno.renameSync(draft, path);
}

/** The text of a file; null if it does not exist. */
export function textOrNull(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** The names in a directory, without drafts; none if it does not exist. */
export function namesIn(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map(({ name }) => name)
      .filter((name) => !name.startsWith("."));
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Removes a file that may be missing. */
export function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

const isMissing = (error: unknown) =>
  error instanceof Deno.errors.NotFound ||
  error instanceof Deno.errors.NotADirectory;

/** The error for records that cannot be read or written. */
export function recordError(path: string, cause: unknown): Error {
  if (cause instanceof ContainerError) return cause;
  return new ContainerError(
    `Cannot use the records of networks in ${path}: ${systemReason(cause)}`,
    {
      hint: cause instanceof Deno.errors.PermissionDenied
        ? "Run as root (sudo)."
        : "Check the disk, or name another directory with --store.",
      cause,
    },
  );
}

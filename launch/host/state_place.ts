/**
 * Making the directories for the state of containers. Runs on the host, in the
 * process that records something.
 */

import { codeOf } from "../../cgroup/apply.ts";
import { ContainerError, systemReason } from "../../spec/errors.ts";

/** What a place that cannot be used answers. A full disk is another matter. */
const UNUSABLE = ["EACCES", "EPERM", "EROFS", "ENOTDIR", "ENOENT"];

/**
 * Makes a directory; one that exists is left as it is.
 *
 * @param recursive whether to make those above it
 * @throws {ContainerError} if the place cannot be used
 */
export function makeStateDirectory(
  path: string,
  mode: number,
  recursive = false,
): void {
  try {
    Deno.mkdirSync(path, { mode });
    // The umask limits mkdir's mode.
    Deno.chmodSync(path, mode);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return;
    const above = path.replace(/\/+[^/]*\/*$/, "");
    const isMissing = error instanceof Deno.errors.NotFound;
    if (recursive && isMissing && above && above !== path) {
      makeStateDirectory(above, mode, recursive);
      return makeStateDirectory(path, mode);
    }
    if (!UNUSABLE.includes(codeOf(error))) throw error;
    throw new ContainerError(
      `Cannot keep the state of containers in ${path}: ${systemReason(error)}`,
      {
        hint:
          "Name a directory that you can write to with --root, or by XDG_RUNTIME_DIR. See container doctor.",
        cause: error,
      },
    );
  }
}

/**
 * The file of `run --cidfile`, which tells scripts the ID of a container. Runs
 * on the host, in the command's process.
 */

import type { StepOf } from "../../plan/step.ts";
import type { Identity } from "../../plan/undo.ts";
import { ContainerError, systemReason } from "../../spec/errors.ts";

/**
 * Writes the ID to a new file, and returns the identity of the file.
 *
 * @throws {ContainerError} if the file exists or cannot be written
 */
export function writeIdFile(
  { path, id }: StepOf<"writeIdFile">,
): Identity {
  try {
    // Like docker: an existing file belongs to another container.
    using file = Deno.openSync(path, {
      write: true,
      createNew: true,
      mode: 0o644,
    });
    try {
      file.writeSync(new TextEncoder().encode(id));
    } catch (error) {
      Deno.removeSync(path);
      throw error;
    }
    const { dev, ino } = file.statSync();
    return { device: dev, inode: ino ?? 0 };
  } catch (cause) {
    const exists = cause instanceof Deno.errors.AlreadyExists;
    throw new ContainerError(
      `Cannot write the container ID to ${path}: ${systemReason(cause)}`,
      {
        hint: exists
          ? "Another container may use it. Remove the file, or name another with --cidfile."
          : "Name a new file in an existing directory with --cidfile.",
        cause,
      },
    );
  }
}

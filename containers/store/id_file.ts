/**
 * The file of `run --cidfile`, which tells scripts the ID of a container. Runs
 * on the host, in the command's process.
 */

import { ContainerError, systemReason } from "../../spec/errors.ts";

/**
 * Writes the ID to a new file. Disposing of the result removes the file, unless
 * it has been kept.
 *
 * @throws {ContainerError} if the file exists or cannot be written
 */
export class IdFile implements Disposable {
  #kept = false;

  constructor(private readonly path: string, id: string) {
    try {
      // Like docker: an existing file belongs to another container.
      Deno.writeTextFileSync(path, id, { createNew: true, mode: 0o644 });
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

  /** The container is there. */
  keep(): void {
    this.#kept = true;
  }

  [Symbol.dispose](): void {
    if (!this.#kept) Deno.removeSync(this.path);
  }
}

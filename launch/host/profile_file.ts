/**
 * The file of `--seccomp learn=FILE`. It is made before the command starts, so
 * that an error is reported at once, and written after the command has ended.
 * Runs on the host, in the parent.
 */

import { codeOf } from "../../cgroup/apply.ts";
import type { StepOf } from "../../plan/step.ts";
import type { Identity } from "../../plan/undo.ts";
import { ContainerError } from "../../spec/errors.ts";

/**
 * Makes the file; returns its identity, or null if it exists.
 *
 * @throws {ContainerError} if it cannot be made
 */
export function reserveProfile(
  { path }: StepOf<"reserveProfile">,
): Identity | null {
  try {
    using file = Deno.openSync(path, { write: true, createNew: true });
    const { dev, ino } = file.statSync();
    return { device: dev, inode: ino ?? 0 };
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return null;
    throw cannotWrite(path, error);
  }
}

/**
 * The open file. It is opened before the container starts, and never again by
 * its path, which the container may have replaced by then. Its previous content
 * stays until the new profile is written.
 */
export class ProfileFile implements Disposable {
  readonly #file: Deno.FsFile;

  /** @throws {ContainerError} if it cannot be written to */
  constructor(readonly path: string) {
    try {
      this.#file = Deno.openSync(path, { write: true });
    } catch (error) {
      throw cannotWrite(path, error);
    }
  }

  /**
   * Writes the profile.
   *
   * @throws {ContainerError} if it cannot be written
   */
  write(text: string): void {
    try {
      // Only a file has old content to cut off; a pipe or a terminal has none.
      if (this.#file.statSync().isFile) this.#file.truncateSync();
      const bytes = new TextEncoder().encode(text);
      for (let rest = bytes; rest.length;) {
        rest = rest.subarray(this.#file.writeSync(rest));
      }
    } catch (error) {
      throw cannotWrite(this.path, error);
    }
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such directory",
  EACCES: "permission denied",
  EISDIR: "it is a directory",
};

function cannotWrite(path: string, cause: unknown): ContainerError {
  const reason = REASONS[codeOf(cause)] ??
    (cause instanceof Error ? cause.message : String(cause));
  return new ContainerError(
    `Cannot write the seccomp profile to ${path}: ${reason}`,
    { hint: "Name a file that you can write to: --seccomp learn=FILE.", cause },
  );
}

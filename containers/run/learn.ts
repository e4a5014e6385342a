/**
 * `--seccomp learn`: writes a profile of the system calls that a command makes.
 * Runs on the host, in the parent. Loaded only if it is requested.
 */

import type { Descriptor } from "../../ffi/fcntl.ts";
import { profileOf } from "../../seccomp/learn.ts";
import { type Learned, serveReports } from "../../seccomp/serve.ts";
import { ContainerError, EXIT } from "../../spec/errors.ts";
import type { LearnTarget } from "../decide/seccomp.ts";

/**
 * The statuses that `run` ends with if the command did not start. A command can
 * end with them as well.
 */
const FAILED: readonly number[] = [
  EXIT.failure,
  EXIT.notExecutable,
  EXIT.notFound,
];

/** Learns the calls of one command and writes the profile. */
export class Learner implements Disposable {
  readonly #file: ProfileFile | null;
  readonly #say: (line: string) => void;
  #learning: Promise<Learned> | undefined;

  /**
   * Opens the file of the profile, if there is one.
   *
   * @param say takes messages, and the profile if it is not written to a file
   * @throws {ContainerError} if the file cannot be written to
   */
  constructor(target: LearnTarget, say: (line: string) => void) {
    this.#file = target === "stderr" ? null : new ProfileFile(target.file);
    this.#say = say;
  }

  /** Takes the listener of the command's filter and serves it from now on. */
  readonly listened = (listener: Descriptor): void => {
    this.#learning = serveReports(listener).finally(() => listener.close());
    // finish() reports a failure. If the command never started, nobody needs
    // it.
    this.#learning.catch(() => {});
  };

  /**
   * Waits for the last process that the filter applies to, then writes the
   * profile. A command that never started has no profile.
   *
   * @param status the status that `run` ends with
   * @throws {ContainerError} if the profile cannot be written
   */
  async finish(status: number): Promise<void> {
    const learned = await this.#learning;
    // With `init` the child has reported the reason and ended with this status.
    if (FAILED.includes(status) && !learned?.executed) return;
    if (!learned) {
      this.#say(
        "container: no seccomp profile: the command ended before it made a system call",
      );
      return;
    }
    const { names, archs, unnamed } = learned;
    for (const call of [...unnamed].toSorted()) {
      this.#say(
        `container: not in the seccomp profile: system call ${call}, whose name is unknown`,
      );
    }
    const text = JSON.stringify(profileOf(names, archs), null, 2);
    if (this.#file) this.#file.write(`${text}\n`);
    else this.#say(text);
  }

  [Symbol.dispose](): void {
    this.#file?.[Symbol.dispose]();
  }
}

/**
 * The file of a profile. It is opened before the command starts, so that an
 * error is reported at once. Its previous content stays until the new profile
 * is written.
 */
class ProfileFile implements Disposable {
  readonly #file: Deno.FsFile;
  readonly #isNew: boolean;
  #written = false;

  constructor(readonly path: string) {
    try {
      [this.#file, this.#isNew] = openOrCreate(path);
    } catch (error) {
      throw cannotWrite(path, error);
    }
  }

  write(text: string): void {
    try {
      // Only a file has old content to cut off; a pipe or a terminal has none.
      if (this.#file.statSync().isFile) this.#file.truncateSync();
      const bytes = new TextEncoder().encode(text);
      for (let rest = bytes; rest.length;) {
        rest = rest.subarray(this.#file.writeSync(rest));
      }
      this.#written = true;
    } catch (error) {
      throw cannotWrite(this.path, error);
    }
  }

  [Symbol.dispose](): void {
    this.#file.close();
    if (this.#isNew && !this.#written) {
      try {
        Deno.removeSync(this.path);
      } catch {
        // Another process has removed it.
      }
    }
  }
}

function openOrCreate(path: string): [file: Deno.FsFile, isNew: boolean] {
  try {
    return [Deno.openSync(path, { write: true, createNew: true }), true];
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    return [Deno.openSync(path, { write: true }), false];
  }
}

function cannotWrite(path: string, cause: unknown): ContainerError {
  const reason = cause instanceof Deno.errors.NotFound
    ? "no such directory"
    : cause instanceof Deno.errors.PermissionDenied
    ? "permission denied"
    : cause instanceof Deno.errors.IsADirectory
    ? "it is a directory"
    : cause instanceof Error
    ? cause.message
    : String(cause);
  return new ContainerError(
    `Cannot write the seccomp profile to ${path}: ${reason}`,
    { hint: "Name a file that you can write to: --seccomp learn=FILE.", cause },
  );
}

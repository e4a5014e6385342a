/**
 * `--seccomp learn`: a profile of the system calls that a command makes. Runs
 * on the host, in the parent. Loaded when it is asked for.
 */

import type { Descriptor } from "../../ffi/fcntl.ts";
import { profileOf } from "../../seccomp/learn.ts";
import { type Learned, serveReports } from "../../seccomp/serve.ts";
import { ContainerError, EXIT } from "../../spec/errors.ts";
import type { LearnTarget } from "../decide/seccomp.ts";

/** What `run` ends with where there was no command, or what a command ends with itself. */
const FAILED: readonly number[] = [
  EXIT.failure,
  EXIT.notExecutable,
  EXIT.notFound,
];

/** Learns one command's calls and writes the profile. */
export class Learner implements Disposable {
  readonly #file: ProfileFile | null;
  readonly #say: (line: string) => void;
  #learning: Promise<Learned> | undefined;

  /**
   * @param say where the profile goes, unless it goes to a file, and all else
   * @throws ContainerError where the file cannot be written to
   */
  constructor(target: LearnTarget, say: (line: string) => void) {
    this.#file = target === "stderr" ? null : new ProfileFile(target.file);
    this.#say = say;
  }

  /** Takes the listener of the command's filter, and serves it from now on. */
  readonly listened = (listener: Descriptor): void => {
    this.#learning = serveReports(listener).finally(() => listener.close());
    // Looked at in finish(); a command that never started has no use for it.
    this.#learning.catch(() => {});
  };

  /**
   * Waits for the last process that is filtered, then writes the profile; of a
   * command that never started there is none.
   *
   * @param status what `run` ends with
   */
  async finish(status: number): Promise<void> {
    const learned = await this.#learning;
    // In the default mode the child has said why, and ended with this.
    if (FAILED.includes(status) && !learned?.executed) return;
    if (!learned) {
      this.#say(
        "container: no seccomp profile: it ended before a system call could be learned",
      );
      return;
    }
    const { names, archs, unnamed } = learned;
    for (const call of [...unnamed].toSorted()) {
      this.#say(
        `container: not in the seccomp profile: system call ${call}, which has no name here`,
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
 * The file that a profile goes to: opened before the command starts, so that
 * one that cannot be written is told at once; what it held stays until there
 * is something better.
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
      // A pipe or a terminal has nothing to be cut off.
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
        // Somebody else has removed it.
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
    { hint: "Name a file that you may write: --seccomp learn=FILE.", cause },
  );
}

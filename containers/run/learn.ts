/**
 * `--seccomp learn`: writes a profile of the system calls that a command makes.
 * Runs on the host, in the parent. Loaded only if it is requested.
 */

import type { Descriptor } from "../../ffi/fcntl.ts";
import { profileOf } from "../../seccomp/learn.ts";
import { type Learned, serveReports } from "../../seccomp/serve.ts";
import { ProfileFile } from "../../launch/host/profile_file.ts";
import { EXIT } from "../../spec/errors.ts";
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
   * @param target where the profile is written; a file has been made by then
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

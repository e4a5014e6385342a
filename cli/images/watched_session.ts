/**
 * A session with registries that somebody watches: it shows the progress, and
 * Ctrl-C ends it. Runs on the host, in the command's process.
 */

import { Session } from "../../images/registry/session.ts";
import type { Flags } from "../flags.ts";
import { ProgressView, type Words } from "./progress.ts";
import { Interruption, sessionOptions } from "./registry_flags.ts";

/** What is said about the layers of a pull. */
export const PULLING: Words = {
  moving: "Downloading",
  done: "Pull complete",
  here: "Already exists",
};

/** The session, its progress, and what may interrupt it. */
export class WatchedSession implements Disposable {
  readonly view: ProgressView;
  readonly session: Session;
  readonly #interruption: Interruption;
  readonly #held: DisposableStack;

  /** @throws {UsageError} for a wrong flag */
  constructor(words: Words, flags: Flags) {
    const options = sessionOptions(flags);
    using held = new DisposableStack();
    this.view = held.use(new ProgressView(words, flags));
    this.#interruption = held.use(new Interruption());
    this.session = held.use(
      new Session({
        ...options,
        signal: this.signal,
        onWait: (milliseconds, why) =>
          this.view.take({ kind: "wait", milliseconds, why }),
      }),
    );
    this.#held = held.move();
  }

  get signal(): AbortSignal {
    return this.#interruption.signal;
  }

  /** The exit status of a command that a signal has ended, as in a shell. */
  get status(): number | null {
    return this.#interruption.status;
  }

  [Symbol.dispose](): void {
    this.#held.dispose();
  }
}

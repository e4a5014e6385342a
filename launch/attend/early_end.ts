/**
 * Signals that come before the command can hear any. What sets a container up
 * has them blocked, and may wait for a file system that does not answer; so has
 * the first process of a PID namespace, which the kernel spares them. Runs in
 * the parent, on the host.
 */

import { kill, SIGNAL, type SignalName } from "../../ffi/signal.ts";
import type { Message } from "../../ffi/socket.ts";
import { ContainerError } from "../../spec/errors.ts";
import { DESCRIPTOR, WALKER_NAME } from "../lower/descriptors.ts";

/** What ends a command that has no other mind; launch/native/plain_run.h has the same order. */
export const ENDING: readonly SignalName[] = [
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGQUIT",
];

/** For the command to start and hear the signal itself, in milliseconds. */
const GRACE = 1000;

const SIGNALED = 128;

/** The command was told to end before it ran. */
export class EndedEarly extends ContainerError {
  /** The class's. */
  override name = "EndedEarly";
  constructor(signal: SignalName) {
    super(`Cannot start the command: ${signal} came before it ran`, {
      hint:
        "Does a file system not answer? See the paths of --rootfs, --volume and --workdir.",
      status: SIGNALED + SIGNAL[signal],
    });
  }
}

/** How a walker calls itself in /proc. */
const WALKER = `${WALKER_NAME}\0${DESCRIPTOR.walk}\0`;

/** How soon it is looked again whether the command runs, in milliseconds. */
const AGAIN = 5;

/** Ends a container that is told to end and does not come to its command. */
export class EarlyEnd implements Disposable {
  readonly #pid: number;
  readonly #init: boolean;
  readonly #lost = Promise.withResolvers<never>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #signal: SignalName | undefined;
  #running = false;

  /** @param init the first process is ours, and tells when the command runs */
  constructor(pid: number, { init }: { init: boolean }) {
    this.#pid = pid;
    this.#init = init;
    // Somebody may have stopped listening.
    this.#lost.promise.catch(() => {});
  }

  /** A signal came, and was passed on. */
  seen(name: SignalName): void {
    if (this.#timer !== undefined || !ENDING.includes(name)) return;
    if (this.#isRunning()) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#isRunning()) return;
      this.#signal = name;
      kill(this.#pid, SIGNAL.SIGKILL);
      // Some waits of the kernel end for no signal (FUSE): it dies when the
      // file system answers, and we do not wait for that.
      this.#timer = setTimeout(
        () => this.#lost.reject(new EndedEarly(name)),
        GRACE,
      );
    }, GRACE);
  }

  /** Our own first process told that the command runs. */
  running(): void {
    this.#running = true;
  }

  /** Whether it was ended here. */
  get ended(): boolean {
    return this.#signal !== undefined;
  }

  /** Waits until the command runs, or nothing does any more. */
  async untilRunning(): Promise<void> {
    while (!this.#isRunning() && !this.ended) {
      await new Promise((resolve) => setTimeout(resolve, AGAIN));
    }
  }

  #isRunning(): boolean {
    if (this.#init) return this.#running;
    try {
      return Deno.readTextFileSync(`/proc/${this.#pid}/cmdline`) !== WALKER;
    } catch {
      return true;
    }
  }

  /** What the container tells, unless it cannot be ended. */
  async *listen(news: AsyncGenerator<Message>): AsyncGenerator<Message> {
    for (;;) {
      const { done, value } = await Promise.race([
        news.next(),
        this.#lost.promise,
      ]);
      if (done) return;
      yield value;
    }
  }

  /** Throws where it was ended here. */
  check(): void {
    if (this.#signal) throw new EndedEarly(this.#signal);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

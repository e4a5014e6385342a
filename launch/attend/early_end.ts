/**
 * Handles signals that arrive before the command can receive any. The processes
 * that set a container up block them, and may wait for a file system that does
 * not answer. The first process of a PID namespace may not receive them either:
 * the kernel drops signals that it has no handler for. Runs in the parent, on
 * the host.
 */

import { kill, SIGNAL, type SignalName } from "../../ffi/signal.ts";
import type { Message } from "../../ffi/socket.ts";
import { ContainerError } from "../../spec/errors.ts";
import { DESCRIPTOR, WALKER_NAME } from "../lower/descriptors.ts";

/**
 * Signals that end a command that does not handle them.
 * launch/native/plain_parts.h has the same order.
 */
export const ENDING: readonly SignalName[] = [
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGQUIT",
];

/**
 * The time in milliseconds in which the command may still start and receive the
 * signal itself.
 */
const GRACE = 1000;

const SIGNALED = 128;

/** The name of a signal that ends a command; undefined for any other. */
export const endingName = (signal: number): SignalName | undefined =>
  ENDING.find((name) => SIGNAL[name] === signal);

/** A signal told the command to end before it ran. */
export class EndedEarly extends ContainerError {
  /** The name of the class. */
  override name = "EndedEarly";
  constructor(signal: SignalName) {
    super(`Cannot start the command: ${signal} arrived before it ran`, {
      hint:
        "Perhaps a file system does not respond. Check the paths of --rootfs, --volume and --workdir.",
      status: SIGNALED + SIGNAL[signal],
    });
  }
}

/** The content of a walker's /proc/PID/cmdline. */
const WALKER = `${WALKER_NAME}\0${DESCRIPTOR.walk}\0`;

/** The time between two checks whether the command runs, in milliseconds. */
const AGAIN = 5;

/**
 * Ends a container that receives an ending signal and does not start its
 * command.
 */
export class EarlyEnd implements Disposable {
  readonly #pid: number;
  readonly #init: boolean;
  readonly #lost = Promise.withResolvers<never>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #signal: SignalName | undefined;
  #running = false;

  /** @param init PID 1 is our executable and reports when the command runs */
  constructor(pid: number, { init }: { init: boolean }) {
    this.#pid = pid;
    this.#init = init;
    // Nobody may be listening any more.
    this.#lost.promise.catch(() => {});
  }

  /** Call this for each signal that was forwarded. */
  seen(signal: number): void {
    const name = endingName(signal);
    if (this.#timer !== undefined || !name) return;
    if (this.#isRunning()) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#isRunning()) return;
      this.#signal = name;
      kill(this.#pid, SIGNAL.SIGKILL);
      // Some waits of the kernel (FUSE) end for no signal: the process dies
      // when the file system answers. We do not wait for that.
      this.#timer = setTimeout(
        () => this.#lost.reject(new EndedEarly(name)),
        GRACE,
      );
    }, GRACE);
  }

  /** Call this when PID 1 reports that the command runs. */
  running(): void {
    this.#running = true;
  }

  /** Whether it ended the container. */
  get ended(): boolean {
    return this.#signal !== undefined;
  }

  /** Waits until the command runs, or the container was ended. */
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

  /**
   * Yields PID 1's messages.
   *
   * @throws EndedEarly if PID 1 does not end although it was killed
   */
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

  /** @throws EndedEarly if it ended the container */
  check(): void {
    if (this.#signal) throw new EndedEarly(this.#signal);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

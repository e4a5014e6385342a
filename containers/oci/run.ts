/**
 * run --bundle: create, start, wait and delete in one command. Runs on the
 * host, in the process the user started, which lives as long as the container.
 */

import type { Descriptor } from "../../ffi/fcntl.ts";
import { kill, SIGNAL, type SignalName } from "../../ffi/signal.ts";
import { exitCode, waitInBackground } from "../../ffi/wait.ts";
import {
  forwardSignals,
  Recipient,
} from "../../launch/attend/forward_signals.ts";
import type { OuterTerminal } from "../../launch/attend/outer_terminal.ts";
import type { Relay } from "../../launch/attend/terminal_relay.ts";
import { endingName } from "../../launch/attend/early_end.ts";
import { EXIT } from "../../spec/errors.ts";
import { create, type CreateOptions } from "./create.ts";
import { remove } from "./end.ts";
import { start } from "./start.ts";
import type { Store } from "../store/store.ts";

/** The container, and how to run it. */
export interface RunBundleOptions extends CreateOptions {
  /** Do not wait, and leave the removal to `delete`. */
  detach: boolean;
  /** This program's own socket for sd_notify(3), if it has one. */
  notify?: string;
  /** Leave the removal of the stopped container to `delete`. */
  keep: boolean;
}

/**
 * How long a command may go on after its terminal has hung up, in milliseconds.
 */
const AFTER_HANGUP = 2000;

/**
 * Runs a bundle. When attached, its process has the streams of this process, or
 * a terminal that is connected to them. Signals are passed to it, and it is
 * deleted at the end.
 *
 * @returns the status of its process, 128+n if signal n killed it; 0 if
 * detached
 * @throws {ContainerError} if it cannot be created or started; then nothing is
 * left
 */
export async function runBundle(
  store: Store,
  options: RunBundleOptions,
): Promise<number> {
  const { id, warn } = options;
  if (options.detach) {
    await create(store, options);
    await startOrRemove(store, options);
    return 0;
  }
  const recipient = new Recipient();
  let told: SignalName | undefined;
  let resize = () => {};
  forwardSignals(recipient, {
    seen(signal) {
      if (!recipient.pid) told ??= endingName(signal);
    },
    instead: { [SIGNAL.SIGWINCH]: () => resize() },
  });
  let master: Descriptor | undefined;
  const first = await create(store, {
    ...options,
    takeTerminal: (descriptor) => master = descriptor,
  });
  if (told) {
    // A process that waits for `start` reacts only to SIGKILL.
    await remove(store, id, { force: true, warn });
    return EXIT.signalBase + SIGNAL[told];
  }
  const pid = recipient.pid = first;
  using tied = master && await TiedTerminal.to(pid, master);
  if (tied) resize = () => tied.resize();
  const ended = waitFor(pid);
  await startOrRemove(store, options);
  const status = await ended;
  await tied?.finish();
  if (!options.keep) await remove(store, id, { force: true, warn });
  return status;
}

async function startOrRemove(
  store: Store,
  { id, warn, notify }: RunBundleOptions,
): Promise<void> {
  try {
    await start(store, id, { warn, notify });
  } catch (error) {
    await remove(store, id, { force: true, warn });
    throw error;
  }
}

async function waitFor(pid: number): Promise<number> {
  const status = await waitInBackground(pid);
  return status ? exitCode(status) : 0;
}

/**
 * Connects this process's terminal, or its streams, to the container's
 * terminal.
 */
class TiedTerminal implements Disposable {
  #ended = false;
  readonly #relaying: Promise<void>;

  private constructor(
    readonly pid: number,
    readonly outer: OuterTerminal,
    readonly relay: Relay,
  ) {
    this.#relaying = relay.run().catch(() => this.hangUp());
  }

  /** Connects them before the container writes output or asks for the size. */
  static async to(pid: number, master: Descriptor): Promise<TiedTerminal> {
    const { OuterTerminal } = await import(
      "../../launch/attend/outer_terminal.ts"
    );
    const { Relay } = await import("../../launch/attend/terminal_relay.ts");
    const outer = new OuterTerminal();
    const relay = new Relay(master, outer, () => tied.hangUp());
    const tied = new TiedTerminal(pid, outer, relay);
    return tied;
  }

  /** The user's terminal has another size now. */
  resize(): void {
    if (!this.#ended) this.relay.resize();
  }

  /**
   * The user's terminal has hung up: sends SIGHUP, and later SIGKILL if the
   * process goes on.
   */
  hangUp(): void {
    if (this.#ended) return;
    kill(this.pid, SIGNAL.SIGHUP);
    setTimeout(
      () => this.#ended || kill(this.pid, SIGNAL.SIGKILL),
      AFTER_HANGUP,
    );
  }

  /** The process has ended: waits until all of its output has been copied. */
  async finish(): Promise<void> {
    this.#ended = true;
    this.relay.finish();
    await this.#relaying;
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    this.relay[Symbol.dispose]();
    this.outer[Symbol.dispose]();
  }
}

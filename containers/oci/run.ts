/**
 * run --bundle: create, start, wait and delete in one command. Runs on the
 * host, in the process the user started, which stays until the container ends.
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
import { FORWARDED } from "../../plan/child.ts";
import { EXIT } from "../../spec/errors.ts";
import { create, type CreateOptions } from "./create.ts";
import { remove } from "./end.ts";
import { start } from "./start.ts";
import type { Store } from "../store/store.ts";

/** What is run, and how. */
export interface RunBundleOptions extends CreateOptions {
  /** Do not wait, and leave it to `delete`. */
  detach: boolean;
  /** Our own socket for sd_notify(3), where we have one. */
  notify?: string;
  /** Leave what has ended to `delete`. */
  keep: boolean;
}

/** What ends a program that does not expect it. */
export const ENDING: readonly SignalName[] = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGTERM",
];

/** How long a command may take to end after its terminal did, in milliseconds. */
const AFTER_HANGUP = 2000;

/**
 * Runs a bundle. Attached, its process has our streams, or a terminal that is
 * tied to ours; what is sent to us is sent to it, and it is deleted at the end.
 *
 * @returns the status of its process, 128+n when signal n killed it; detached, 0
 * @throws {ContainerError} where it cannot be created or started; nothing is left
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
  forwardSignals(
    recipient,
    // The size of a terminal goes its own way.
    FORWARDED.filter((name) => name !== "SIGWINCH"),
    (name) => {
      if (!recipient.pid && ENDING.includes(name)) told ??= name;
    },
  );
  let master: Descriptor | undefined;
  const first = await create(store, {
    ...options,
    takeTerminal: (descriptor) => master = descriptor,
  });
  if (told) {
    // What waits to be started hears of no signal but one.
    await remove(store, id, { force: true, warn });
    return EXIT.signalBase + SIGNAL[told];
  }
  const pid = recipient.pid = first;
  using tied = master && await TiedTerminal.to(pid, master);
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

/** Our terminal, or whatever our streams are, tied to the container's. */
class TiedTerminal implements Disposable {
  #ended = false;
  readonly #relaying: Promise<void>;

  private constructor(
    readonly pid: number,
    readonly outer: OuterTerminal,
    readonly relay: Relay,
  ) {
    this.#relaying = relay.run().catch(() => this.hangUp());
    Deno.addSignalListener("SIGWINCH", () => {
      if (!this.#ended) relay.resize();
    });
  }

  /** Ties them before anything is written or asks for the size. */
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

  /** Nobody is left to look at it: it is told, and killed where it goes on. */
  hangUp(): void {
    if (this.#ended) return;
    kill(this.pid, SIGNAL.SIGHUP);
    setTimeout(
      () => this.#ended || kill(this.pid, SIGNAL.SIGKILL),
      AFTER_HANGUP,
    );
  }

  /** Its process has ended: waits until all of the output is through. */
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

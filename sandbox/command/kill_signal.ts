/** Signals for commands, as AbortController is for requests. Pure. */

import { SIGNAL, type SignalName } from "../../ffi/signal.ts";

/** Is told each signal that a {@linkcode KillController} sends. */
export type KillSignalListener = (signal: SignalName) => void;

/** After these, commands that have not started yet do not start. */
const ENDING: ReadonlySet<SignalName> = new Set(
  ["SIGTERM", "SIGKILL", "SIGABRT", "SIGQUIT", "SIGINT"] as const,
);

interface State {
  code: number | undefined;
  readonly listeners: Set<KillSignalListener>;
}

/** Keeps the constructor of {@linkcode KillSignal} to this file. */
const own = Symbol();

function send(state: State, signal: SignalName): void {
  if (ENDING.has(signal)) state.code = 128 + SIGNAL[signal];
  for (const listener of [...state.listeners]) listener(signal);
}

/** Sends signals to every command that has its {@linkcode KillSignal}. */
export class KillController {
  readonly #state: State = { code: undefined, listeners: new Set() };
  readonly #signal: KillSignal = new KillSignal(own, this.#state);

  /** What a command is given, {@linkcode SandboxCommandBuilder.signal}. */
  get signal(): KillSignal {
    return this.#signal;
  }

  /** Sends a signal to the commands; default: SIGTERM. */
  kill(signal: SignalName = "SIGTERM"): void {
    send(this.#state, signal);
  }
}

/**
 * Passes on the signals of a {@linkcode KillController}. It is aborted after
 * SIGTERM, SIGKILL, SIGABRT, SIGQUIT or SIGINT.
 */
export class KillSignal {
  readonly #state: State;

  /** @internal */
  constructor(symbol: symbol, state: State) {
    if (symbol !== own) {
      throw new TypeError("Cannot make a KillSignal: use KillController");
    }
    this.#state = state;
  }

  /** Whether one of the ending signals was sent. */
  get aborted(): boolean {
    return this.#state.code !== undefined;
  }

  /** The exit code of a command that did not start because of that. */
  get abortedExitCode(): number | undefined {
    return this.#state.code;
  }

  /** Passes this signal's signals on to another one. */
  linkChild(killSignal: KillSignal): { unsubscribe(): void } {
    const listener: KillSignalListener = (signal) =>
      send(killSignal.#state, signal);
    this.addListener(listener);
    return { unsubscribe: () => this.removeListener(listener) };
  }

  /** Calls the listener for each signal. */
  addListener(listener: KillSignalListener): void {
    this.#state.listeners.add(listener);
  }

  /** Stops calling the listener. */
  removeListener(listener: KillSignalListener): void {
    this.#state.listeners.delete(listener);
  }
}

/**
 * A shell command of a template, with methods that choose how it runs and what
 * becomes of its output. Runs on the host, in the program's process.
 */

import type { SignalName } from "../../ffi/signal.ts";
import { SandboxCommandError } from "../errors.ts";
import { KillController, KillSignal } from "./kill_signal.ts";
import type { ChildProcessOutput, ShellPipeKind } from "./output.ts";
import { shellCommand } from "./shell_words.ts";

/** What a {@linkcode SandboxCommandBuilder} resolves to. */
export type SandboxCommandResult = ChildProcessOutput;

/** A command that runs. */
export interface StartedCommand {
  /** Waits for its end, and for the streams that are piped. */
  output(): Promise<ChildProcessOutput>;
  /** Sends it a signal. */
  kill(signal?: SignalName): Promise<void>;
}

/** How a shell command is to run. */
export interface ShellRequest {
  /** The command in the words of a shell. */
  text: string;
  /** As root of the sandbox. */
  sudo: boolean;
  cwd?: string;
  env: Readonly<Record<string, string>>;
  stdout: ShellPipeKind;
  stderr: ShellPipeKind;
}

interface State extends Omit<ShellRequest, "text"> {
  throws: boolean;
  signal?: KillSignal;
}

const START: State = {
  throws: true,
  sudo: false,
  env: {},
  stdout: "inherit",
  stderr: "inherit",
};

/**
 * A shell command that runs when it is awaited, or with one of `text()`,
 * `json()`, `result()` and `spawn()`. The other methods return a changed copy.
 *
 * ```ts no-run
 * import { Sandbox } from "./mod.ts";
 *
 * await using sandbox = await Sandbox.create();
 * const name = "a file";
 * console.log(await sandbox.sh`echo hello > ${name}; cat ${name}`.text());
 * ```
 */
export class SandboxCommandBuilder
  implements PromiseLike<SandboxCommandResult> {
  readonly #start: (request: ShellRequest) => Promise<StartedCommand>;
  readonly #text: string;
  readonly #state: State;

  /** @internal */
  constructor(
    start: (request: ShellRequest) => Promise<StartedCommand>,
    text: string,
    state: State = START,
  ) {
    this.#start = start;
    this.#text = text;
    this.#state = state;
  }

  /** @internal */
  static of(
    start: (request: ShellRequest) => Promise<StartedCommand>,
    texts: readonly string[],
    values: readonly unknown[],
  ): SandboxCommandBuilder {
    return new SandboxCommandBuilder(start, shellCommand(texts, values));
  }

  #with(change: Partial<State>): SandboxCommandBuilder {
    const state = { ...this.#state, ...change };
    return new SandboxCommandBuilder(this.#start, this.#text, state);
  }

  /** Whether a command that fails is no error. */
  noThrow(value = true): SandboxCommandBuilder {
    return this.#with({ throws: !value });
  }

  /** Whether it runs as root of the sandbox. */
  sudo(enable = true): SandboxCommandBuilder {
    return this.#with({ sudo: enable });
  }

  /** Its working directory; default: `/home/sandbox`. */
  cwd(path: string): SandboxCommandBuilder {
    return this.#with({ cwd: path });
  }

  /** Sets a variable of its environment. */
  env(name: string, value: string): SandboxCommandBuilder {
    return this.#with({ env: { ...this.#state.env, [name]: value } });
  }

  /** What its standard output is connected to; `text()` and `json()` pipe it. */
  stdout(kind: ShellPipeKind): SandboxCommandBuilder {
    return this.#with({ stdout: kind });
  }

  /** What its standard error is connected to. */
  stderr(kind: ShellPipeKind): SandboxCommandBuilder {
    return this.#with({ stderr: kind });
  }

  /**
   * Gets the signals of a {@linkcode KillController}, in addition to earlier
   * ones. An AbortSignal sends SIGTERM.
   */
  signal(killOrAbortSignal: KillSignal | AbortSignal): SandboxCommandBuilder {
    const signal = asKillSignal(killOrAbortSignal);
    const { signal: earlier } = this.#state;
    if (!earlier) return this.#with({ signal });
    const both = new KillController();
    for (const each of [earlier, signal]) {
      each.linkChild(both.signal);
      if (each.aborted) both.kill();
    }
    return this.#with({ signal: both.signal });
  }

  /** Runs it and returns its standard output as text. */
  async text(): Promise<string> {
    const { stdoutText } = await this.stdout("piped").result();
    return stdoutText ?? "";
  }

  /** Runs it and parses its standard output as JSON. */
  async json<T = unknown>(): Promise<T> {
    const text = await this.text();
    try {
      return JSON.parse(text);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new SyntaxError(
        `Cannot parse the output as JSON: ${reason}\n${text}`,
      );
    }
  }

  /**
   * Runs it and waits for its end.
   *
   * @throws {SandboxCommandError} if it fails, unless `noThrow()` was called
   */
  async result(): Promise<SandboxCommandResult> {
    const child = await this.spawn();
    const result = await child.output();
    const { status, stderrText } = result;
    if (status.success || !this.#state.throws) return result;
    const cause = status.oom ? " (process ran out of memory)" : "";
    throw new SandboxCommandError(
      `Command failed with exit code ${status.code}${cause}${
        stderrText ? `\n${stderrText}` : ""
      }`,
      status.code,
    );
  }

  /** Starts it. */
  async spawn(): Promise<SandboxCommandChild> {
    const { throws: _, signal, ...request } = this.#state;
    if (signal?.abortedExitCode !== undefined) {
      return new SandboxCommandChild(notStarted(signal.abortedExitCode));
    }
    const child = await this.#start({ ...request, text: this.#text });
    const listener = (name: SignalName) => {
      child.kill(name).catch(() => {});
    };
    signal?.addListener(listener);
    // The signal may have come while the command started.
    if (signal?.aborted) listener("SIGTERM");
    return new SandboxCommandChild(
      child.output().finally(() => signal?.removeListener(listener)),
    );
  }

  /** Runs it: the builder can be awaited. */
  then<A = SandboxCommandResult, B = never>(
    onfulfilled?: ((value: SandboxCommandResult) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.result().then(onfulfilled, onrejected);
  }
}

/** A shell command that has been started. */
export class SandboxCommandChild {
  readonly #output: Promise<SandboxCommandResult>;

  /** @internal */
  constructor(output: SandboxCommandResult | Promise<SandboxCommandResult>) {
    this.#output = Promise.resolve(output);
    this.#output.catch(() => {});
  }

  /** Waits for its end, and for the streams that are piped. */
  output(): Promise<SandboxCommandResult> {
    return this.#output;
  }
}

function asKillSignal(signal: unknown): KillSignal {
  if (signal instanceof KillSignal) return signal;
  if (!(signal instanceof AbortSignal)) {
    throw new TypeError(
      "Cannot use the signal: not a KillSignal or AbortSignal",
    );
  }
  const controller = new KillController();
  if (signal.aborted) controller.kill();
  else {signal.addEventListener("abort", () => controller.kill(), {
      once: true,
    });}
  return controller.signal;
}

const notStarted = (code: number): SandboxCommandResult => ({
  status: { success: false, code, signal: null, oom: false },
  stdout: new Uint8Array(),
  stderr: new Uint8Array(),
  stdoutText: "",
  stderrText: "",
});

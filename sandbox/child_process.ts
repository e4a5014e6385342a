/**
 * A command in a sandbox: its streams, end and signals. Runs on the host, in
 * the program's process.
 */

import { kill, SIGNAL, type SignalName } from "../ffi/signal.ts";
import { exitCode, type WaitStatus } from "../ffi/wait.ts";
import { OptionError } from "../spec/errors.ts";
import { shown } from "../spec/reader.ts";
import type {
  ChildProcessOutput,
  ChildProcessStatus,
} from "./command/output.ts";
import type { JoinedProcess } from "./join.ts";

/** Keeps the constructor of {@linkcode ChildProcess} to this room. */
const own = Symbol();

const NAMES = new Map(
  Object.entries(SIGNAL).map((
    [name, number],
  ): [number, SignalName] => [number, name as SignalName]),
);

/**
 * A command that {@linkcode Sandbox.spawn} has started. Disposing of it (`await
 * using`) kills it and waits for its end.
 */
export class ChildProcess extends EventTarget implements AsyncDisposable {
  readonly #process: JoinedProcess;
  readonly #status: Promise<ChildProcessStatus>;
  #ended = false;

  /** @internal */
  constructor(
    symbol: symbol,
    process: JoinedProcess,
    ranOutOfMemory: () => boolean,
  ) {
    if (symbol !== own) {
      throw new TypeError("Cannot make a ChildProcess: use Sandbox.spawn()");
    }
    super();
    this.#process = process;
    this.#status = process.ended.then((status) => {
      this.#ended = true;
      return statusOf(status, ranOutOfMemory);
    }, (error) => {
      this.#ended = true;
      throw error;
    });
    // A program that never awaits the status must not end because it rejects.
    this.#status.then(
      (detail) => this.dispatchEvent(new CustomEvent("exit", { detail })),
      () => {},
    );
  }

  /** @internal */
  static of(
    process: JoinedProcess,
    ranOutOfMemory: () => boolean,
  ): ChildProcess {
    return new ChildProcess(own, process, ranOutOfMemory);
  }

  /** Its PID on the host. Inside it has another one. */
  get pid(): number {
    return this.#process.pid;
  }

  /** Its standard input, if that is piped; close it to signal the end. */
  get stdin(): WritableStream<Uint8Array> | null {
    return this.#process.pipes.stdin;
  }

  /** Its standard output, if that is piped. */
  get stdout(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    return this.#process.pipes.stdout;
  }

  /** Its standard error, if that is piped. */
  get stderr(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    return this.#process.pipes.stderr;
  }

  /** How it ended. */
  get status(): Promise<ChildProcessStatus> {
    return this.#status;
  }

  /**
   * Sends it a signal, kill(2); default: SIGTERM. Nothing happens if it has
   * ended.
   *
   * @throws {OptionError} for an unknown name
   */
  // deno-lint-ignore require-await -- As in @deno/sandbox, errors reject.
  async kill(signal: SignalName = "SIGTERM"): Promise<void> {
    if (!Object.hasOwn(SIGNAL, signal)) {
      throw new OptionError(
        "signal",
        `unknown signal ${shown(signal)}`,
        "Example: SIGTERM. See signal(7).",
      );
    }
    // Its PID is not reused before its end is known here.
    if (!this.#ended) kill(this.pid, SIGNAL[signal]);
  }

  /** Waits for its end, and reads the streams that are piped. */
  async output(): Promise<ChildProcessOutput> {
    const [status, stdout, stderr] = await Promise.all([
      this.#status,
      bytesOf(this.stdout),
      bytesOf(this.stderr),
    ]);
    return {
      status,
      stdout,
      stderr,
      get stdoutText() {
        return textOf(stdout);
      },
      get stderrText() {
        return textOf(stderr);
      },
    };
  }

  /** Kills it with SIGKILL, waits for its end and closes its streams. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill("SIGKILL");
    await this.#status.catch(() => {});
    this.#process.pipes[Symbol.dispose]();
  }
}

const textOf = (bytes: Uint8Array | null) =>
  bytes && new TextDecoder().decode(bytes);

/** Null for a stream that is not piped, or that somebody else reads. */
async function bytesOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>> | null,
): Promise<Uint8Array<ArrayBuffer> | null> {
  if (!stream || stream.locked) return null;
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function statusOf(
  status: WaitStatus | null,
  ranOutOfMemory: () => boolean,
): ChildProcessStatus {
  // Other code of this program may have taken its status.
  const code = status ? exitCode(status) : 1;
  const signal = status && "signaled" in status ? status.signaled : 0;
  return {
    success: code === 0,
    code,
    signal: NAMES.get(signal) ?? null,
    oom: code !== 0 && ranOutOfMemory(),
  };
}

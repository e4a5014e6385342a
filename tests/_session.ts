/** A running program that a test writes to and reads from. */

import "./_no_reuse.ts";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** How long anything may take before it counts as hung; emulated, all takes longer. */
export const PATIENCE = Deno.env.has("CONTAINER_VM") ? 240_000 : 60_000;

/**
 * Standard output and error are read together, in the order in which they
 * arrive.
 */
export class Session implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<unknown>;
  #wake = () => {};
  #from = 0;
  #ended = false;
  /** All output so far. */
  output = "";
  /** The status, or 128+n after signal n. */
  readonly status: Promise<number>;

  constructor(
    words: readonly string[],
    { env, cwd }: { env?: Record<string, string>; cwd?: string } = {},
  ) {
    this.#child = new Deno.Command(words[0]!, {
      args: words.slice(1),
      env: { NO_COLOR: "1", ...env },
      cwd,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#reading = Promise.all([
      this.#read(this.#child.stdout),
      this.#read(this.#child.stderr),
    ]).then(() => {
      this.#ended = true;
      this.#wake();
    });
    this.status = this.#child.status.then(({ code }) => code);
  }

  get pid(): number {
    return this.#child.pid;
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const chunk of stream) {
      this.output += decoder.decode(chunk);
      this.#wake();
    }
  }

  /** Waits until the output since the last call matches. */
  async expect(pattern: RegExp): Promise<RegExpMatchArray> {
    const end = performance.now() + PATIENCE;
    for (;;) {
      const match = this.output.slice(this.#from).match(pattern);
      if (match) {
        this.#from += match.index! + match[0].length;
        return match;
      }
      const left = end - performance.now();
      if (this.#ended || left <= 0) {
        throw new Error(
          `${this.#ended ? "Ended" : "Silent"} before ${pattern}: ${
            JSON.stringify(this.output)
          }`,
        );
      }
      await this.#news(left);
    }
  }

  async #news(patience: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, patience);
    });
    clearTimeout(timer);
  }

  /** Writes to the program's standard input. */
  async send(text: string): Promise<void> {
    await this.#writer.write(encoder.encode(text));
  }

  /** Closes the program's standard input. */
  async close(): Promise<void> {
    await this.#writer.close().catch(() => {});
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Waits until the program ends; returns the status, or 128+n after signal n. */
  async end(): Promise<number> {
    const status = await this.exited();
    await this.#patiently(this.#reading);
    return status;
  }

  /** The same, even if other processes still have its streams open. */
  exited(): Promise<number> {
    return this.#patiently(this.status);
  }

  async #patiently<T>(waited: Promise<T>): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const hung = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`Hung: ${JSON.stringify(this.output)}`)),
        PATIENCE,
      );
    });
    try {
      return await Promise.race([waited, hung]);
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.close();
    await this.status;
    // The test must find a process that lives on with our pipes, not wait for
    // it.
    let timer: ReturnType<typeof setTimeout> | undefined;
    const given = new Promise((resolve) => timer = setTimeout(resolve, 10_000));
    await Promise.race([this.#reading, given]);
    clearTimeout(timer);
  }
}

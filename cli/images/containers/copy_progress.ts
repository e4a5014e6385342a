/** How far a copy is: one line on a terminal, nothing elsewhere. */

import { size } from "../../daily/table.ts";
import type { Flags } from "../../flags.ts";
import { printBytes, say } from "../../output.ts";

/** Milliseconds between two drawings. */
const PERIOD = 100;

const encoder = new TextEncoder();

/** Shows the bytes that have been copied. */
export class CopyProgress implements Disposable {
  readonly #isShown: boolean;
  #bytes = 0;
  #last = 0;

  /** @param where such as `to the container` */
  constructor(readonly where: string, flags: Flags) {
    this.#isShown = flags.last("quiet") === undefined
      ? Deno.stdout.isTerminal() && Deno.stderr.isTerminal()
      : !flags.has("quiet");
  }

  /** Is told how many bytes have been written. */
  readonly take = (bytes: number): void => {
    this.#bytes = bytes;
    if (!this.#isShown || !Deno.stderr.isTerminal()) return;
    if (performance.now() - this.#last < PERIOD) return;
    this.#last = performance.now();
    this.#write(`\rCopying ${this.where}: ${size(bytes)}\x1b[K`);
  };

  /** Says that it is done, as docker does. */
  end(where: string): void {
    if (!this.#isShown) return;
    this.#clear();
    say(`Successfully copied ${size(this.#bytes)} to ${where}`);
  }

  #write(text: string): void {
    printBytes(encoder.encode(text), "stderr");
  }

  #clear(): void {
    if (this.#last) this.#write("\r\x1b[K");
    this.#last = 0;
  }

  [Symbol.dispose](): void {
    this.#clear();
  }
}

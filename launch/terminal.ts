/**
 * `--tty`: the user's terminal and the container's, tied together. The
 * container has a pseudo-terminal of its own; the parent holds its other side
 * and copies bytes. Runs in the parent.
 */

import { type Descriptor, writeAll } from "../ffi/fcntl.ts";
import { readInBackground } from "../ffi/socket.ts";
import {
  copyWindowSize,
  getAttributes,
  makeRaw,
  setAttributes,
} from "../ffi/termios.ts";

const STDIN = 0;
const STDOUT = 1;
const BUFFER_SIZE = 64 * 1024;

/** The user's terminal in raw mode; disposing of it makes it as it was. */
export class RawMode implements Disposable {
  readonly #before = getAttributes(STDIN);
  constructor() {
    if (this.#before) setAttributes(STDIN, makeRaw(this.#before));
  }
  [Symbol.dispose](): void {
    if (this.#before) setAttributes(STDIN, this.#before);
  }
}

/** Copies from one descriptor to the other until one of them ends. */
async function copy(from: number, to: number): Promise<void> {
  const buffer = new Uint8Array(BUFFER_SIZE);
  for (;;) {
    const count = await readInBackground(from, buffer);
    if (count === 0) return;
    try {
      writeAll(to, buffer.subarray(0, count));
    } catch {
      return;
    }
  }
}

/** What is typed at the end of input, termios(3) VEOF. */
const CTRL_D = 0x04;

/** A pipe ends; a terminal does so by a character only. */
function endInput(terminal: number): void {
  try {
    writeAll(terminal, new Uint8Array([CTRL_D]));
  } catch {
    // The container has ended before.
  }
}

/** Ties the user's terminal to the container's; resolves when all of its output is through. */
export async function tieTerminal(
  master: Descriptor,
  hungUp: () => void,
): Promise<void> {
  const wasTerminal = getAttributes(STDIN) !== null;
  const resize = () => copyWindowSize(STDIN, master.fd);
  resize();
  Deno.addSignalListener("SIGWINCH", resize);
  copy(STDIN, master.fd).then(() => {
    // A window that was closed, a connection that broke.
    if (wasTerminal && getAttributes(STDIN) === null) hungUp();
    else endInput(master.fd);
  });
  await copy(master.fd, STDOUT);
  Deno.removeSignalListener("SIGWINCH", resize);
}

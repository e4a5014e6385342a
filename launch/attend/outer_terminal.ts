/**
 * The user's terminal, while a container has one of its own: in raw mode as
 * long as what is typed is the container's, and otherwise as it was found. Runs
 * in the parent, on the host.
 */

import { syscall } from "../../ffi/libc.ts";
import { blockSignals, SIGNAL } from "../../ffi/signal.ts";
import {
  copyWindowSize,
  foregroundGroup,
  getAttributes,
  makeAttentive,
  makeRaw,
  returnsCarriage,
  setAttributes,
  waitingInput,
} from "../../ffi/termios.ts";

const STDIN = 0;
const STDOUT = 1;
/** What is typed at the end of input, termios(3) VEOF. */
export const CTRL_D = 0x04;
const CR = 0x0d;
const LF = 0x0a;
const STREAMS = [0, 1, 2];

/** Disposing of it makes the terminal as it was. */
export class OuterTerminal implements Disposable {
  /** Standard input is a terminal at all. */
  readonly exists = getAttributes(STDIN) !== null;
  /** What it is to be again; null while it is that. */
  #before: Uint8Array | null = null;
  /** What we made of it. */
  #ours: Uint8Array | null = null;
  #tied = false;
  /** Bytes that were typed before we entered, and are still to be read. */
  #early = 0;

  constructor() {
    // A change of settings from the background would stop us.
    if (this.exists) blockSignals([SIGNAL.SIGTTOU]);
    this.enter();
  }

  /** Whether standard input is ours to read now; whoever came to the front enters. */
  attend(): boolean {
    if (!this.exists) return true;
    const entered = this.#before !== null;
    if (mayUse() !== entered) this.enter();
    return this.#before !== null;
  }

  /** From here on, all of the output is the container's terminal's. */
  tie(): void {
    this.#tied = true;
    this.enter();
  }

  /**
   * Raw mode, where the terminal is ours to use; as before, where it is not.
   * Called again whenever that may have changed: a shell that stopped us from
   * outside has set the terminal to its own liking.
   */
  enter(): void {
    if (!this.exists) return;
    if (!mayUse()) return this.leave();
    const found = getAttributes(STDIN);
    // Hung up; whoever reads it notices.
    if (!found) return;
    const before = this.#before && same(found, this.#ours)
      ? this.#before
      : found;
    const wanted = this.#tied ? makeRaw(before) : makeAttentive(before);
    if (!same(found, wanted)) setAttributes(STDIN, wanted);
    if (!this.#before) this.#early = waitingInput(STDIN);
    this.#before = before;
    // As the kernel took it, which may be another thing.
    this.#ours = getAttributes(STDIN);
  }

  /** As it was. What others have set since is theirs, unless we are in front. */
  leave(): void {
    const before = this.#before;
    this.#before = null;
    if (!before) return;
    if (mayUse() || same(getAttributes(STDIN), this.#ours)) {
      setAttributes(STDIN, before);
    }
  }

  /**
   * What was read, as it was typed: from a terminal that was not in raw mode
   * yet, the kernel took the end of input out and left a zero in its place.
   */
  asTyped(bytes: Uint8Array): Uint8Array {
    const early = bytes.subarray(0, this.#early);
    this.#early -= early.length;
    for (const [at, byte] of early.entries()) {
      if (byte === 0) early[at] = CTRL_D;
    }
    return bytes;
  }

  /**
   * The output of a container's terminal as it is to be written: a terminal
   * that is not in raw mode (bg) returns the carriage by itself.
   */
  asWritten(bytes: Uint8Array): Uint8Array {
    const attributes = getAttributes(STDOUT);
    if (!attributes || !returnsCarriage(attributes)) return bytes;
    return bytes.filter((byte, at) => byte !== CR || bytes[at + 1] !== LF);
  }

  /** The window has gone, or the connection to it. */
  hasHungUp(): boolean {
    return this.exists && getAttributes(STDIN) === null;
  }

  /** Gives another terminal the size of this one. */
  copySize(terminal: number): void {
    STREAMS.some((fd) => copyWindowSize(fd, terminal));
  }

  [Symbol.dispose](): void {
    this.leave();
  }
}

/** In its foreground, or outside its job control altogether, credentials(7). */
function mayUse(): boolean {
  const group = foregroundGroup(STDIN);
  return group === null || group === syscall("getpgid", 0);
}

function same(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a !== null && b !== null && a.every((byte, at) => byte === b[at]);
}

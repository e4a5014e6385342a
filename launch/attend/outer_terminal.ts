/**
 * The user's terminal while a container has a terminal of its own. It is in raw
 * mode while the container receives what is typed; otherwise it has the
 * settings that we found. Runs in the parent, on the host.
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
/** The character that ends the input, termios(3) VEOF. */
export const CTRL_D = 0x04;
const CR = 0x0d;
const LF = 0x0a;
const STREAMS = [0, 1, 2];

/** Disposing of it restores the terminal's settings. */
export class OuterTerminal implements Disposable {
  /** Whether standard input is a terminal. */
  readonly exists = getAttributes(STDIN) !== null;
  /** The settings to restore; null while they are in place. */
  #before: Uint8Array | null = null;
  /** The settings that we made. */
  #ours: Uint8Array | null = null;
  #tied = false;
  /** The number of unread bytes that were typed before raw mode. */
  #early = 0;

  constructor() {
    // A background process that changes the settings is stopped by SIGTTOU.
    if (this.exists) blockSignals([SIGNAL.SIGTTOU]);
    this.enter();
  }

  /**
   * Whether standard input is ours to read now. Enters raw mode if we came to
   * the foreground.
   */
  attend(): boolean {
    if (!this.exists) return true;
    const entered = this.#before !== null;
    if (mayUse() !== entered) this.enter();
    return this.#before !== null;
  }

  /** From now on all output comes from the container's terminal. */
  tie(): void {
    this.#tied = true;
    this.enter();
  }

  /**
   * Enters raw mode if the terminal is ours to use, and leaves it otherwise.
   * Call this again whenever that may have changed: a shell that stopped us has
   * also changed the settings.
   */
  enter(): void {
    if (!this.exists) return;
    if (!mayUse()) return this.leave();
    const found = getAttributes(STDIN);
    // The terminal has hung up; the next read reports that.
    if (!found) return;
    const before = this.#before && same(found, this.#ours)
      ? this.#before
      : found;
    const wanted = this.#tied ? makeRaw(before) : makeAttentive(before);
    if (!same(found, wanted)) setAttributes(STDIN, wanted);
    if (!this.#before) this.#early = waitingInput(STDIN);
    this.#before = before;
    // Read back: the kernel may have applied other settings than the wanted
    // ones.
    this.#ours = getAttributes(STDIN);
  }

  /**
   * Restores the settings. In the background, settings that somebody else has
   * changed are left alone.
   */
  leave(): void {
    const before = this.#before;
    this.#before = null;
    if (!before) return;
    if (mayUse() || same(getAttributes(STDIN), this.#ours)) {
      setAttributes(STDIN, before);
    }
  }

  /**
   * Restores Ctrl-D in early input: in a terminal that was not yet in raw mode,
   * the kernel replaced it with a zero byte.
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
   * Removes carriage returns from the output of a container's terminal if the
   * user's terminal adds them itself, which it does outside raw mode (bg).
   */
  asWritten(bytes: Uint8Array): Uint8Array {
    const attributes = getAttributes(STDOUT);
    if (!attributes || !returnsCarriage(attributes)) return bytes;
    return bytes.filter((byte, at) => byte !== CR || bytes[at + 1] !== LF);
  }

  /** Whether the window, or the connection to it, has gone. */
  hasHungUp(): boolean {
    return this.exists && getAttributes(STDIN) === null;
  }

  /** Gives another terminal the window size of this one. */
  copySize(terminal: number): void {
    STREAMS.some((fd) => copyWindowSize(fd, terminal));
  }

  [Symbol.dispose](): void {
    this.leave();
  }
}

/**
 * Whether we are in the terminal's foreground, or it is not our controlling
 * terminal, credentials(7).
 */
function mayUse(): boolean {
  const group = foregroundGroup(STDIN);
  return group === null || group === syscall("getpgid", 0);
}

function same(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a !== null && b !== null && a.every((byte, at) => byte === b[at]);
}

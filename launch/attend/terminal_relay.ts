/**
 * Bytes between the user and the terminal of a container, both ways at once:
 * neither waits for the other, or a command that writes much while much is
 * typed would stand still. Runs in the parent, on the host.
 */

import {
  type Descriptor,
  pipe,
  setNonBlocking,
  writeAll,
} from "../../ffi/fcntl.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import {
  POLL,
  readInBackground,
  waitForAny,
  waitForRoom,
} from "../../ffi/poll.ts";
import { once } from "../../plan/once.ts";
import { CTRL_D, type OuterTerminal } from "./outer_terminal.ts";

const STDIN = 0;
const STDOUT = 1;
const BUFFER_SIZE = 64 * 1024;
/** How many buffers of output at most go before the input is looked at. */
const OUTPUT_TURNS = 16;
/**
 * More than the kernel keeps for a terminal: past the end of the container it
 * is another process that writes.
 */
const REST_SIZE = 1024 * 1024;
const LINE_ENDS: readonly (number | undefined)[] = [undefined, 0x0a, 0x0d];

/** In milliseconds. */
const WAIT = {
  forEver: -1,
  /** fg of a job that runs in the background says nothing to it. */
  foreground: 250,
  /** The kernel tells when there is room; this is for when it forgets. */
  room: 100,
  /** Every process has closed the terminal, and one may open it again. */
  reopened: 100,
  /** A process that outlives the command may hold it open and say nothing more. */
  rest: 100,
} as const;

/** Ties the user's terminal, or whatever the streams are, to a container's. */
export class Relay implements Disposable {
  readonly #master: Descriptor;
  readonly #outer: OuterTerminal;
  readonly #lose: () => void;
  readonly #wake = pipe();
  readonly #output = new Uint8Array(BUFFER_SIZE);
  /** Read and not yet written to the container. */
  #typed: Uint8Array = new Uint8Array();
  #lastTyped: number | undefined;
  /** Whoever reads the same input may have taken what there was: a read waits. */
  #reading = false;
  #inputEnded = false;
  #outputEnded = false;
  #containerEnded = false;
  #closed = false;
  #rest = REST_SIZE;

  /**
   * @param master the other side of the container's terminal, ours alone
   * @param lost nobody is there any more to read or to type
   */
  constructor(master: Descriptor, outer: OuterTerminal, lost: () => void) {
    this.#master = master;
    this.#outer = outer;
    this.#lose = once(lost);
    setNonBlocking(master);
    outer.tie();
    this.resize();
  }

  /** The container's terminal becomes as large as the user's. */
  resize(): void {
    this.#outer.copySize(this.#master.fd);
  }

  /** Looks anew whether the user's terminal is ours. */
  awake(): void {
    writeAll(this.#wake.write.fd, new Uint8Array(1));
  }

  /** The container has ended: what it has written is all there will be. */
  finish(): void {
    this.#containerEnded = true;
    this.awake();
  }

  /** Copies until the container has ended and its output is through. */
  async run(): Promise<void> {
    while (!this.#outputEnded) {
      // Where it ends from here on, this look has not seen all that it wrote.
      const ended = this.#containerEnded;
      const input = this.#wantsInput();
      const master = POLL.POLLIN | (this.#typed.length ? POLL.POLLOUT : 0);
      const [output = 0, woken = 0, typed = 0] = await waitForAny([
        { fd: this.#master.fd, events: master },
        { fd: this.#wake.read.fd, events: POLL.POLLIN },
        ...(input ? [{ fd: STDIN, events: POLL.POLLIN }] : []),
      ], this.#patience());
      if (woken) {
        rawSyscall("read", this.#wake.read.fd, new Uint8Array(64), 64);
      }
      // Meanwhile we may have been put into the background, where a read stops us.
      if (typed && this.#wantsInput()) this.#beginRead();
      if (this.#typed.length) this.#writeInput();
      if (output) await this.#passOutput();
      else if (ended && !woken) return;
    }
  }

  /** Copies what the container has written so far, at once. */
  flush(): void {
    while (this.#copyOutput() > 0);
  }

  #wantsInput(): boolean {
    return !this.#inputEnded && !this.#containerEnded && !this.#reading &&
      !this.#typed.length && this.#outer.attend();
  }

  #patience(): number {
    if (this.#containerEnded) return WAIT.rest;
    if (this.#typed.length) return WAIT.room;
    return this.#outer.attend() ? WAIT.forEver : WAIT.foreground;
  }

  #beginRead(): void {
    this.#reading = true;
    this.#readInput().catch(this.#lose).finally(() => {
      this.#reading = false;
      if (!this.#closed) this.awake();
    });
  }

  async #readInput(): Promise<void> {
    const bytes = new Uint8Array(BUFFER_SIZE);
    const count = await readInBackground(STDIN, bytes);
    if (count > 0) {
      this.#typed = this.#outer.asTyped(bytes.subarray(0, count));
      this.#lastTyped = bytes[count - 1];
    } else if (this.#outer.hasHungUp()) {
      this.#inputEnded = true;
      this.#lose();
    } else if (this.#outer.exists) {
      // Somebody has set it otherwise than raw, and Ctrl-D was typed.
      if (count === 0) this.#typed = new Uint8Array([CTRL_D]);
    } else {
      this.#inputEnded = true;
      // A pipe ends, a terminal does so by a character only: the first one ends
      // a line that is not complete.
      const ends = LINE_ENDS.includes(this.#lastTyped) ? 1 : 2;
      this.#typed = new Uint8Array(ends).fill(CTRL_D);
    }
  }

  #writeInput(): void {
    const rest = this.#typed;
    const count = rawSyscall("write", this.#master.fd, rest, rest.length);
    if (count > 0) this.#typed = rest.subarray(count);
    else if (count !== -ERRNO.EAGAIN && count !== -ERRNO.EINTR) {
      // There is no process any more that could read it.
      this.#typed = new Uint8Array();
    }
  }

  async #passOutput(): Promise<void> {
    for (let turn = 0; turn < OUTPUT_TURNS; turn++) {
      const count = this.#copyOutput();
      if (this.#containerEnded) this.#rest -= count;
      if (this.#rest <= 0) this.#outputEnded = true;
      if (count > 0) continue;
      if (count !== -ERRNO.EIO && count !== 0) return;
      if (this.#containerEnded) this.#outputEnded = true;
      else await new Promise((resolve) => setTimeout(resolve, WAIT.reopened));
      return;
    }
  }

  /** One read and its write; the count, or -errno: EAGAIN for nothing, EIO for the end. */
  #copyOutput(): number {
    const buffer = this.#output;
    const count = rawSyscall("read", this.#master.fd, buffer, buffer.length);
    if (count <= 0) return count;
    this.#write(this.#outer.asWritten(buffer.subarray(0, count)));
    return count;
  }

  /** To standard output, which another program may have made non-blocking. */
  #write(bytes: Uint8Array): void {
    for (let rest = bytes; rest.length;) {
      const count = rawSyscall("write", STDOUT, rest, rest.length);
      if (count > 0) rest = rest.subarray(count);
      else if (count === -ERRNO.EAGAIN) waitForRoom(STDOUT);
      else if (count !== -ERRNO.EINTR) {
        // As SIGPIPE would tell a command that shares the stream.
        return this.#lose();
      }
    }
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#master.close();
    this.#wake.read.close();
    this.#wake.write.close();
  }
}

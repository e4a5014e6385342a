/**
 * Copies between the user's streams and the terminal of a container. Neither
 * direction waits for the other: a command that writes much while much is typed
 * would deadlock otherwise. Runs in the parent, on the host.
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
/** The number of output buffers to copy before the input gets a turn. */
const OUTPUT_TURNS = 16;
/**
 * More than the kernel buffers for a terminal. After the container's end,
 * output beyond this comes from another process.
 */
const REST_SIZE = 1024 * 1024;
const LINE_ENDS: readonly (number | undefined)[] = [undefined, 0x0a, 0x0d];

/** In milliseconds. */
const WAIT = {
  forEver: -1,
  /** fg of a background job sends no signal. */
  foreground: 250,
  /** The kernel reports free space; this is in case it misses one. */
  room: 100,
  /** Every process has closed the terminal, but another may open it again. */
  reopened: 100,
  /** A process that outlives the command may keep it open and write nothing. */
  rest: 100,
} as const;

/**
 * Connects the user's terminal, or any other streams, with a container's
 * terminal.
 */
export class Relay implements Disposable {
  readonly #master: Descriptor;
  readonly #outer: OuterTerminal;
  readonly #lose: () => void;
  readonly #wake = pipe();
  readonly #end = Promise.withResolvers<void>();
  readonly #output = new Uint8Array(BUFFER_SIZE);
  /** Bytes that were read and not yet written to the container. */
  #typed: Uint8Array = new Uint8Array();
  #lastTyped: number | undefined;
  /**
   * A read is under way. It may block, since another reader may have taken the
   * input.
   */
  #reading = false;
  #inputEnded = false;
  #outputEnded = false;
  #containerEnded = false;
  #closed = false;
  #rest = REST_SIZE;

  /**
   * @param master the master side of the container's terminal; nobody else has
   * it
   * @param lost called when nobody is left to read or type
   */
  constructor(master: Descriptor, outer: OuterTerminal, lost: () => void) {
    this.#master = master;
    this.#outer = outer;
    this.#lose = once(lost);
    setNonBlocking(master);
    outer.tie();
    this.resize();
  }

  /** Gives the container's terminal the size of the user's. */
  resize(): void {
    this.#outer.copySize(this.#master.fd);
  }

  /** Checks again whether the user's terminal is ours. */
  awake(): void {
    writeAll(this.#wake.write.fd, new Uint8Array(1));
  }

  /**
   * The container has ended: only output that it has already written follows.
   */
  finish(): void {
    this.#containerEnded = true;
    this.#end.resolve();
    this.awake();
  }

  /** Copies until the container has ended and its output is copied. */
  async run(): Promise<void> {
    while (!this.#outputEnded) {
      // If the container ends after this line, this round may miss some of its
      // output.
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
      // We may be in the background by now, where a read would stop us.
      if (typed && this.#wantsInput()) this.#beginRead();
      if (this.#typed.length) this.#writeInput();
      if (output) await this.#passOutput();
      else if (ended && !woken) return;
    }
  }

  /** Copies the output that is available now, synchronously. */
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
      // Somebody has ended raw mode, and Ctrl-D was typed.
      if (count === 0) this.#typed = new Uint8Array([CTRL_D]);
    } else {
      this.#inputEnded = true;
      // A pipe ends, but a terminal only signals an end by a character. After
      // an incomplete line, the first one only completes that line.
      const ends = LINE_ENDS.includes(this.#lastTyped) ? 1 : 2;
      this.#typed = new Uint8Array(ends).fill(CTRL_D);
    }
  }

  #writeInput(): void {
    const rest = this.#typed;
    const count = rawSyscall("write", this.#master.fd, rest, rest.length);
    if (count > 0) this.#typed = rest.subarray(count);
    else if (count !== -ERRNO.EAGAIN && count !== -ERRNO.EINTR) {
      // No process is left to read it.
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
      else await this.#waitForReopening();
      return;
    }
  }

  /** Most often the terminal is closed because the container is ending. */
  async #waitForReopening(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, WAIT.reopened);
    await Promise.race([promise, this.#end.promise]);
    clearTimeout(timer);
  }

  /**
   * Reads once and writes that. Returns the count, or -errno: EAGAIN for no
   * data, EIO for the end.
   */
  #copyOutput(): number {
    const buffer = this.#output;
    const count = rawSyscall("read", this.#master.fd, buffer, buffer.length);
    if (count <= 0) return count;
    this.#write(this.#outer.asWritten(buffer.subarray(0, count)));
    return count;
  }

  /**
   * Writes to standard output, which another program may have made
   * non-blocking.
   */
  #write(bytes: Uint8Array): void {
    for (let rest = bytes; rest.length;) {
      const count = rawSyscall("write", STDOUT, rest, rest.length);
      if (count > 0) rest = rest.subarray(count);
      else if (count === -ERRNO.EAGAIN) waitForRoom(STDOUT);
      else if (count !== -ERRNO.EINTR) {
        // The same effect as SIGPIPE has on a command that writes to the stream
        // itself.
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

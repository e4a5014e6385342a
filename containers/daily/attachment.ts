/**
 * A place in front of a container in the background, which its keeper gives out
 * (launch/native/keeper_clients.h): what it writes from then on, none of which is lost,
 * and what its input is. Runs on the host.
 */

import { type Descriptor, O, open, readAt, writeAll } from "../../ffi/fcntl.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { type Message, receive } from "../../ffi/socket.ts";
import { connectPackets } from "../../ffi/unix_socket.ts";
import { EntryParser, type LogEntry } from "./log_entry.ts";

const BUFFER = 64 * 1024;
const byteOf = (letter: string) => letter.charCodeAt(0);
/** The first byte of what the keeper says. */
const SAYS = {
  terminal: byteOf("t"),
  file: byteOf("l"),
  more: byteOf("w"),
  ended: byteOf("e"),
} as const;

/** What is said to the keeper by somebody who is not attached. */
export type Word = "e" | "s";

/** A file of the log that it is read from. */
interface Source {
  file: Descriptor;
  at: number;
  parser: EntryParser;
}

/** Connects to a container's keeper, and says a word. */
function connect(directory: string, word: Word | "a"): Descriptor {
  // The path of a socket has to be short.
  using place = open(directory, O.O_PATH | O.O_DIRECTORY);
  const socket = connectPackets(`/proc/self/fd/${place.fd}/attach`);
  writeAll(socket.fd, new TextEncoder().encode(word));
  return socket;
}

/** Says a word to a container's keeper; false where there is none. */
export function tellKeeper(directory: string, word: Word): boolean {
  try {
    connect(directory, word).close();
    return true;
  } catch (error) {
    if (error instanceof SyscallError) return false;
    throw error;
  }
}

/** Who has one is in front of the container. */
export class Attachment implements Disposable {
  /** Its terminal's other side, or its input; null where nothing can be typed. */
  readonly input: Descriptor | null;
  /** The input is a terminal. */
  readonly isTerminal: boolean;
  /** How it ended, as its keeper said; null where that has not come. */
  status: number | null = null;
  readonly #socket: Descriptor;
  #source: Source | null = null;

  private constructor(socket: Descriptor, { byte, descriptor }: Message) {
    this.#socket = socket;
    this.input = descriptor;
    this.isTerminal = byte === SAYS.terminal;
  }

  /**
   * Comes in front of the container of a directory.
   *
   * @throws where it does not run, or so many are attached that it takes no more
   */
  static async open(directory: string): Promise<Attachment> {
    const socket = connect(directory, "a");
    try {
      const message = await receive(socket.fd);
      if (message) return new Attachment(socket, message);
      throw new SyscallError("connect", "EAGAIN");
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  /** What it writes, by the piece, until it or its keeper has ended. */
  async *pieces(): AsyncGenerator<LogEntry[]> {
    for (let asked = false;;) {
      yield* this.#read();
      if (!asked) this.#say(SAYS.more);
      asked = true;
      const message = await receive(this.#socket.fd);
      if (message?.byte === SAYS.more) asked = false;
      else if (message?.byte === SAYS.file) {
        // The one before is whole by now.
        yield* this.#read();
        this.#begin(message);
        this.#say(SAYS.file);
      } else {
        if (message?.byte === SAYS.ended) this.status = message.bytes[1]!;
        yield* this.#read();
        return;
      }
    }
  }

  #begin({ bytes, descriptor }: Message): void {
    this.#source?.file.close();
    const at = new DataView(bytes.buffer).getBigUint64(1, true);
    this.#source = descriptor &&
      { file: descriptor, at: Number(at), parser: new EntryParser() };
  }

  *#read(): Generator<LogEntry[]> {
    const source = this.#source;
    if (!source) return;
    const buffer = new Uint8Array(BUFFER);
    for (
      let count;
      (count = readAt(source.file.fd, buffer, source.at)) > 0;
    ) {
      source.at += count;
      const entries = source.parser.take(buffer.subarray(0, count));
      if (entries.length) yield entries;
    }
  }

  #say(byte: number): void {
    try {
      writeAll(this.#socket.fd, Uint8Array.of(byte));
    } catch (error) {
      // It has ended, and what it has said is still to be read.
      if (!(error instanceof SyscallError)) throw error;
    }
  }

  [Symbol.dispose](): void {
    this.input?.close();
    this.#source?.file.close();
    this.#socket.close();
  }
}

/**
 * An attachment to a container in the background, as its keeper provides it
 * (launch/native/keeper_clients.h): all of the output from then on, and the
 * container's input. Runs on the host, in the process of the attach command.
 */

import { type Descriptor, O, open, readAt, writeAll } from "../../ffi/fcntl.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { type Message, receive } from "../../ffi/socket.ts";
import { connectPackets } from "../../ffi/unix_socket.ts";
import { EntryParser, type LogEntry } from "./log_entry.ts";

const BUFFER = 64 * 1024;
const byteOf = (letter: string) => letter.charCodeAt(0);
/** The first byte of the keeper's messages. */
const SAYS = {
  terminal: byteOf("t"),
  file: byteOf("l"),
  more: byteOf("w"),
  ended: byteOf("e"),
} as const;

/** Messages to the keeper from commands that are not attached. */
export type Word = "e" | "s";

/** The log file that is being read. */
interface Source {
  file: Descriptor;
  at: number;
  parser: EntryParser;
}

/** Connects to a container's keeper and sends a message. */
function connect(directory: string, word: Word | "a"): Descriptor {
  // The path of a Unix socket is limited to about 100 bytes.
  using place = open(directory, O.O_PATH | O.O_DIRECTORY);
  const socket = connectPackets(`/proc/self/fd/${place.fd}/attach`);
  writeAll(socket.fd, new TextEncoder().encode(word));
  return socket;
}

/** Sends a message to a container's keeper; false if there is no keeper. */
export function tellKeeper(directory: string, word: Word): boolean {
  try {
    connect(directory, word).close();
    return true;
  } catch (error) {
    if (error instanceof SyscallError) return false;
    throw error;
  }
}

/** One command's attachment to a container. */
export class Attachment implements Disposable {
  /**
   * The master side of its terminal, or its standard input; null if it takes no
   * input.
   */
  readonly input: Descriptor | null;
  /** Whether the input is a terminal. */
  readonly isTerminal: boolean;
  /** The container's status as reported by its keeper; null before that. */
  status: number | null = null;
  readonly #socket: Descriptor;
  #source: Source | null = null;

  private constructor(socket: Descriptor, { byte, descriptor }: Message) {
    this.#socket = socket;
    this.input = descriptor;
    this.isTerminal = byte === SAYS.terminal;
  }

  /**
   * Attaches to the container of a directory.
   *
   * @throws {SyscallError} if it does not run, or its keeper accepts no more
   * attachments
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

  /**
   * The output, piece by piece, until the container or its keeper has ended.
   */
  async *pieces(): AsyncGenerator<LogEntry[]> {
    for (let asked = false;;) {
      yield* this.#read();
      if (!asked) this.#say(SAYS.more);
      asked = true;
      const message = await receive(this.#socket.fd);
      if (message?.byte === SAYS.more) asked = false;
      else if (message?.byte === SAYS.file) {
        // The keeper has finished the previous file.
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
      // The keeper has ended. Its last messages can still be read.
      if (!(error instanceof SyscallError)) throw error;
    }
  }

  [Symbol.dispose](): void {
    this.input?.close();
    this.#source?.file.close();
    this.#socket.close();
  }
}

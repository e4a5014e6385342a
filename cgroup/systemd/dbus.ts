/**
 * A D-Bus client with only the parts that are needed to ask systemd for a
 * scope: method calls with a few argument types, their replies, and signals.
 * Runs on the host, in the parent. See the D-Bus Specification, "Message
 * Protocol" and "Authentication Protocol".
 *
 * There is no maintained library for Deno or Node that could replace it.
 *
 * @module
 */

import { ContainerError } from "../../spec/errors.ts";
import { Reader, Writer } from "./dbus_wire.ts";

export type { Property, Variant } from "../../plan/host_kinds.ts";

/** An error reply. */
export class BusError extends ContainerError {
  override name = "BusError";

  constructor(method: string, readonly error: string, text?: string) {
    super(`${method}: ${text ?? error}`);
  }
}

/** A received message. */
export interface Incoming {
  kind: "return" | "error" | "signal" | "call";
  replyTo: number | null;
  /** The name of a signal or an error. */
  name: string;
  /**
   * The strings and object paths of the body, in order, without the numbers.
   */
  words: string[];
}

const KINDS = ["call", "call", "return", "error", "signal"] as const;
const FIELD = {
  path: 1,
  interface: 2,
  member: 3,
  errorName: 4,
  replySerial: 5,
  destination: 6,
  signature: 8,
} as const;
const METHOD_CALL = 1;
const HEADER_SIZE = 16;

/** A method call. */
export interface Call {
  destination: string;
  path: string;
  interface: string;
  member: string;
  signature?: string;
  body?: (writer: Writer) => void;
}

/** A connection to a bus, authenticated as the current user. */
export class Bus implements Disposable {
  #serial = 0;
  #bytes = new Uint8Array(0);
  readonly #connection: Deno.UnixConn;

  private constructor(connection: Deno.UnixConn) {
    this.#connection = connection;
  }

  /**
   * Connects to a socket and authenticates.
   *
   * @param direct the socket belongs to the called process, not to a bus
   */
  static async connect(
    path: string,
    uid: number,
    direct = false,
  ): Promise<Bus> {
    const bus = new Bus(await Deno.connect({ transport: "unix", path }));
    try {
      const name = Array.from(
        String(uid),
        (digit) => digit.charCodeAt(0).toString(16),
      ).join("");
      await bus.#send(new TextEncoder().encode(`\0AUTH EXTERNAL ${name}\r\n`));
      const answer = await bus.#line();
      if (!answer.startsWith("OK ")) {
        throw new ContainerError(`Cannot use the bus ${path}: ${answer}`);
      }
      await bus.#send(new TextEncoder().encode("BEGIN\r\n"));
      if (direct) return bus;
      await bus.call({
        destination: "org.freedesktop.DBus",
        path: "/org/freedesktop/DBus",
        interface: "org.freedesktop.DBus",
        member: "Hello",
      });
      return bus;
    } catch (error) {
      bus[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Calls a method and waits for its reply.
   *
   * @param seen receives the other messages that arrive meanwhile
   * @throws BusError with the reason in an error reply
   */
  async call(
    call: Call,
    seen: (message: Incoming) => void = () => {},
  ): Promise<Incoming> {
    const serial = ++this.#serial;
    await this.#send(encode(call, serial));
    for (;;) {
      const message = await this.receive();
      if (message.replyTo !== serial) seen(message);
      else if (message.kind === "error") {
        throw new BusError(call.member, message.name, message.words[0]);
      } else return message;
    }
  }

  /** Waits for the next message. */
  async receive(): Promise<Incoming> {
    await this.#fill(HEADER_SIZE);
    const start = new DataView(this.#bytes.buffer, this.#bytes.byteOffset);
    const little = this.#bytes[0] === 0x6c;
    const body = start.getUint32(4, little);
    const fields = start.getUint32(12, little);
    const length = HEADER_SIZE + ((fields + 7) & ~7) + body;
    await this.#fill(length);
    const message = this.#bytes.slice(0, length);
    this.#bytes = this.#bytes.slice(length);
    return decode(message, little);
  }

  async #send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      at += await this.#connection.write(bytes.subarray(at));
    }
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#bytes.indexOf(10);
      if (end >= 0) {
        const line = new TextDecoder().decode(this.#bytes.subarray(0, end));
        this.#bytes = this.#bytes.slice(end + 1);
        return line.trimEnd();
      }
      await this.#fill(this.#bytes.length + 1);
    }
  }

  async #fill(length: number): Promise<void> {
    const chunk = new Uint8Array(4096);
    while (this.#bytes.length < length) {
      const count = await this.#connection.read(chunk);
      if (count === null) {
        throw new ContainerError("Cannot use the bus: it was closed");
      }
      const joined = new Uint8Array(this.#bytes.length + count);
      joined.set(this.#bytes);
      joined.set(chunk.subarray(0, count), this.#bytes.length);
      this.#bytes = joined;
    }
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}

/** Encodes a call. */
export function encode(call: Call, serial: number): Uint8Array {
  const body = new Writer();
  call.body?.(body);
  const header = new Writer();
  for (const byte of [0x6c, METHOD_CALL, 0, 1]) header.byte(byte);
  header.uint32(body.length);
  header.uint32(serial);
  header.array(8, () => {
    const field = (code: number, signature: string, value: string) => {
      header.align(8);
      header.byte(code);
      header.signature(signature);
      if (signature === "g") header.signature(value);
      else header.string(value);
    };
    field(FIELD.path, "o", call.path);
    field(FIELD.interface, "s", call.interface);
    field(FIELD.member, "s", call.member);
    field(FIELD.destination, "s", call.destination);
    if (call.signature) field(FIELD.signature, "g", call.signature);
  });
  header.align(8);
  return header.bytes(body);
}

/** Decodes a message. */
export function decode(bytes: Uint8Array, little: boolean): Incoming {
  const reader = new Reader(bytes, little);
  const kind = KINDS[reader.byteAt(1)] ?? "call";
  const message: Incoming = { kind, replyTo: null, name: "", words: [] };
  let signature = "";
  reader.at = HEADER_SIZE - 4;
  const end = reader.uint32() + HEADER_SIZE;
  while (reader.at < end) {
    reader.align(8);
    const code = reader.byte();
    const value = reader.value(reader.signature());
    if (code === FIELD.replySerial) message.replyTo = Number(value);
    if (code === FIELD.signature) signature = String(value);
    if (code === FIELD.member || code === FIELD.errorName) {
      message.name = String(value);
    }
  }
  reader.align(8);
  for (const type of signature) {
    // The replies that we need contain no other types.
    if (!"sou".includes(type)) break;
    const value = reader.value(type);
    if (type !== "u") message.words.push(String(value));
  }
  return message;
}

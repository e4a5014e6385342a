/**
 * Netlink sockets, netlink(7): requests to the kernel and its answers. A socket
 * belongs to the network namespace in which it was made, even if its process
 * moves later. Synchronous. Runs on the host.
 *
 * @module
 */

import { Descriptor, moveUp, O } from "../../ffi/fcntl.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { syscall } from "../../ffi/libc.ts";
import { answersIn, NetlinkError, parseObject } from "./answer.ts";
import {
  type Attribute,
  type Change,
  encodeMessage,
  type NetlinkMessage,
  NLM,
  type ParsedAttribute,
  word,
} from "./message.ts";
import { within } from "./within.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const BUFFER = 64 * 1024;

/** The subsystems of the kernel, linux/netlink.h, with their names in errors. */
const SUBSYSTEMS = {
  rtnetlink: 0,
  netfilter: 12,
} as const;

/** The name of a subsystem. */
export type Subsystem = keyof typeof SUBSYSTEMS;

/** An object that the kernel has listed. */
export type Listed = NetlinkMessage<ParsedAttribute>;

/** A netlink socket in one network namespace. */
export class Netlink implements Disposable {
  readonly #socket: Descriptor;
  readonly #subsystem: Subsystem;
  #sequence = 0;
  #buffer: Uint8Array | undefined;

  /** The socket, to pass it to another process. */
  get fd(): number {
    return this.#socket.fd;
  }

  /** Opens a socket in the namespace of this thread. */
  constructor(subsystem: Subsystem = "rtnetlink") {
    this.#subsystem = subsystem;
    this.#socket = moveUp(
      new Descriptor(
        syscall(
          "socket",
          AF_NETLINK,
          SOCK_RAW | O.O_CLOEXEC,
          SUBSYSTEMS[subsystem],
        ),
      ),
    );
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK]) {
      syscall("setsockopt", this.#socket.fd, SOL_NETLINK, option, word(1), 4);
    }
  }

  /**
   * Opens a socket in another namespace. This thread enters that namespace only
   * while it makes the socket.
   */
  static within(namespace: Descriptor, subsystem?: Subsystem): Netlink {
    return within(namespace, () => new Netlink(subsystem));
  }

  /**
   * Changes something.
   *
   * @throws {NetlinkError} if the kernel refuses it
   */
  change({ type, flags = 0, ...message }: Change): void {
    this.#send(type, NLM.NLM_F_REQUEST | NLM.NLM_F_ACK | flags, message);
    this.#receive(message.front.length);
  }

  /**
   * Sends messages that the kernel carries out all together or not at all, as
   * nf_tables does. Each of them but the first and the last, which only mark the
   * ends, is acknowledged.
   *
   * @throws {NetlinkError} for the first one that the kernel refuses
   */
  batch(changes: readonly Change[]): void {
    const ends = [0, changes.length - 1];
    const messages = changes.map(({ type, flags = 0, ...message }, index) =>
      encodeMessage({
        type,
        flags: NLM.NLM_F_REQUEST | flags |
          (ends.includes(index) ? 0 : NLM.NLM_F_ACK),
        sequence: this.#sequence + 1 + index,
      }, message)
    );
    const bytes = new Uint8Array(
      messages.reduce((sum, { length }) => sum + length, 0),
    );
    let at = 0;
    for (const message of messages) {
      bytes.set(message, at);
      at += message.length;
    }
    const first = this.#sequence + 1;
    this.#sequence += changes.length;
    syscall("sendto", this.#socket.fd, bytes, bytes.length, 0, null, 0);
    for (let left = changes.length - 2; left > 0;) {
      for (const answer of answersIn(this.#read())) {
        if (answer.sequence < first || answer.kind !== "error") continue;
        if (answer.errno) throw this.#refusal(answer);
        left--;
      }
    }
  }

  /** Returns all objects of a kind, or those that a filter describes. */
  list(
    type: number,
    front: Uint8Array,
    attributes: readonly Attribute[] = [],
  ): Listed[] {
    this.#send(type, NLM.NLM_F_REQUEST | NLM.NLM_F_DUMP, {
      front,
      attributes,
    });
    return this.#receive(front.length);
  }

  /** Returns one object. */
  get(type: number, message: NetlinkMessage): Listed {
    this.#send(type, NLM.NLM_F_REQUEST | NLM.NLM_F_ACK, message);
    const [found] = this.#receive(message.front.length);
    if (found) return found;
    throw new SyscallError(this.#subsystem, "ENOENT");
  }

  #send(type: number, flags: number, message: NetlinkMessage): void {
    const sequence = ++this.#sequence;
    const bytes = encodeMessage({ type, flags, sequence }, message);
    syscall("sendto", this.#socket.fd, bytes, bytes.length, 0, null, 0);
  }

  #read(): Uint8Array {
    const buffer = this.#buffer ??= new Uint8Array(BUFFER);
    const { fd } = this.#socket;
    const got = syscall("recvfrom", fd, buffer, BUFFER, 0, null, null);
    return buffer.subarray(0, got);
  }

  /** Receives the answers to the last request, up to the acknowledgement. */
  #receive(frontSize: number): Listed[] {
    const found: Listed[] = [];
    for (;;) {
      for (const answer of answersIn(this.#read())) {
        // Of a batch that has failed.
        if (answer.sequence !== this.#sequence) continue;
        if (answer.kind === "done") return found;
        if (answer.kind === "error") {
          if (!answer.errno) return found;
          throw this.#refusal(answer);
        }
        found.push(parseObject(answer.bytes, frontSize));
      }
    }
  }

  #refusal({ errno, reason }: { errno: number; reason?: string }) {
    return new NetlinkError(this.#subsystem, errno, reason);
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

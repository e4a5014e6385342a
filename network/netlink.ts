/**
 * rtnetlink(7): messages to the kernel about interfaces and addresses, and its
 * answers. A socket belongs to the network namespace in which it was made, even
 * if its process moves later. Runs on the host.
 *
 * @module
 */

import { Descriptor, moveUp, O, open } from "../ffi/fcntl.ts";
import { errnoName, SyscallError } from "../ffi/errno.ts";
import { syscall } from "../ffi/libc.ts";
import { CLONE } from "../ffi/sched.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_DUMP = 0x300;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const HEADER = 16;
const BUFFER = 64 * 1024;

/** Messages of linux/rtnetlink.h. */
export const RTM = {
  RTM_NEWLINK: 16,
  RTM_GETLINK: 18,
  RTM_NEWADDR: 20,
  RTM_GETADDR: 22,
} as const;

/** An attribute: its number and its value. */
export type Attribute = readonly [type: number, value: Uint8Array];

/** A message without its header. */
export interface NetlinkMessage {
  /** The structure of the message type. */
  front: Uint8Array;
  attributes: Attribute[];
}

const align = (size: number) => (size + 3) & ~3;

/** A number as attribute value. */
export const word = (value: number) =>
  new Uint8Array(new Int32Array([value]).buffer);

/** A text as attribute value. */
export const text = (value: string) => new TextEncoder().encode(`${value}\0`);

/** A netlink socket in one network namespace. */
export class Netlink implements Disposable {
  readonly #socket: Descriptor;
  #sequence = 0;

  /** Opens a socket in the namespace of this thread. */
  constructor() {
    this.#socket = moveUp(
      new Descriptor(
        syscall("socket", AF_NETLINK, SOCK_RAW | O.O_CLOEXEC, NETLINK_ROUTE),
      ),
    );
  }

  /**
   * Opens a socket in another namespace. This thread enters that namespace only
   * while it makes the socket.
   */
  static within(namespace: Descriptor): Netlink {
    using own = open("/proc/thread-self/ns/net", O.O_RDONLY);
    syscall("setns", namespace.fd, CLONE.CLONE_NEWNET);
    try {
      return new Netlink();
    } finally {
      syscall("setns", own.fd, CLONE.CLONE_NEWNET);
    }
  }

  /** Changes something. */
  change(type: number, message: NetlinkMessage, flags = 0): void {
    this.#send(type, NLM_F_REQUEST | NLM_F_ACK | flags, message);
    this.#receive(message.front.length);
  }

  /** Returns all objects of a kind. */
  list(type: number, front: Uint8Array): NetlinkMessage[] {
    this.#send(type, NLM_F_REQUEST | NLM_F_DUMP, { front, attributes: [] });
    return this.#receive(front.length);
  }

  /** Returns one object. */
  get(type: number, message: NetlinkMessage): NetlinkMessage {
    this.#send(type, NLM_F_REQUEST | NLM_F_ACK, message);
    return this.#receive(message.front.length)[0]!;
  }

  #send(type: number, flags: number, message: NetlinkMessage): void {
    const { front, attributes } = message;
    const size = attributes.reduce(
      (sum, [, value]) => sum + align(4 + value.length),
      HEADER + align(front.length),
    );
    const bytes = new Uint8Array(size);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, size, true);
    view.setUint16(4, type, true);
    view.setUint16(6, flags, true);
    view.setUint32(8, ++this.#sequence, true);
    bytes.set(front, HEADER);
    let at = HEADER + align(front.length);
    for (const [type, value] of attributes) {
      view.setUint16(at, 4 + value.length, true);
      view.setUint16(at + 2, type, true);
      bytes.set(value, at + 4);
      at += align(4 + value.length);
    }
    syscall("sendto", this.#socket.fd, bytes, size, 0, null, 0);
  }

  /** Receives the answers, up to the acknowledgement. */
  #receive(frontSize: number): NetlinkMessage[] {
    const found: NetlinkMessage[] = [];
    const buffer = new Uint8Array(BUFFER);
    const view = new DataView(buffer.buffer);
    for (;;) {
      const got = syscall(
        "recvfrom",
        this.#socket.fd,
        buffer,
        BUFFER,
        0,
        null,
        null,
      );
      for (let at = 0; at + HEADER <= got;) {
        const size = view.getUint32(at, true);
        if (size < HEADER || at + size > got) break;
        const type = view.getUint16(at + 4, true);
        if (type === NLMSG_DONE) return found;
        if (type === NLMSG_ERROR) {
          const error = view.getInt32(at + HEADER, true);
          if (!error) return found;
          throw new SyscallError("rtnetlink", errnoName(-error));
        }
        found.push(parse(buffer.slice(at + HEADER, at + size), frontSize));
        at += align(size);
      }
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

function parse(bytes: Uint8Array, frontSize: number): NetlinkMessage {
  const view = new DataView(bytes.buffer);
  const attributes: Attribute[] = [];
  for (let at = align(frontSize); at + 4 <= bytes.length;) {
    const size = view.getUint16(at, true);
    if (size < 4 || at + size > bytes.length) break;
    attributes.push([
      view.getUint16(at + 2, true) & 0x3fff,
      bytes.slice(at + 4, at + size),
    ]);
    at += align(size);
  }
  return { front: bytes.slice(0, frontSize), attributes };
}

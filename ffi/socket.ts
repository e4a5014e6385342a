/** sys/socket.h: a pair of sockets that transfers bytes and descriptors. */

import { Descriptor, O } from "./fcntl.ts";
import { lazily, syscall } from "./libc.ts";
import { addressOf } from "./memory.ts";

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_CMSG_CLOEXEC = 0x40000000n;
const MSG_SIZE = 56;
const CONTROL_SIZE = 64;

const background = lazily(
  {
    /**
     * ssize_t recvmsg(int, struct msghdr *, int), on a thread that may block
     */
    recvmsg: {
      parameters: ["i32", "i64", "i64"],
      result: "i64",
      nonblocking: true,
    },
  } as const,
);

/** socketpair(2) with whole messages, both ends close-on-exec. */
export function socketPair(): [Descriptor, Descriptor] {
  const ends = new Int32Array(2);
  syscall(
    "socketpair",
    AF_UNIX,
    SOCK_SEQPACKET | O.O_CLOEXEC,
    0,
    new Uint8Array(ends.buffer),
  );
  return [new Descriptor(ends[0]!), new Descriptor(ends[1]!)];
}

/** The longest message; nobody sends longer ones to us. */
const LONGEST = 16;

/** A message: its bytes, its first byte, and the descriptor sent with it. */
export interface Message {
  byte: number;
  bytes: Uint8Array;
  descriptor: Descriptor | null;
}

/**
 * Waits for a message without blocking this thread; null at the end of file.
 */
export async function receive(fd: number): Promise<Message | null> {
  const bytes = new Uint8Array(LONGEST);
  const control = new Uint8Array(CONTROL_SIZE);
  const vector = new BigUint64Array([addressOf(bytes), BigInt(LONGEST)]);
  const message = new Uint8Array(MSG_SIZE);
  const header = new DataView(message.buffer);
  header.setBigUint64(16, addressOf(new Uint8Array(vector.buffer)), true);
  header.setBigUint64(24, 1n, true);
  header.setBigUint64(32, addressOf(control), true);
  header.setBigUint64(40, BigInt(CONTROL_SIZE), true);
  const { recvmsg } = background();
  const next = () => recvmsg(fd, addressOf(message), MSG_CMSG_CLOEXEC);
  let count = await next();
  // If the sender closed its end before it had read all that we sent, the first
  // call fails with ECONNRESET. The sender's messages can still be read.
  if (count < 0n) count = await next();
  if (count < 1n || vector.length !== 2) return null;
  const view = new DataView(control.buffer);
  const carries = header.getBigUint64(40, true) >= 20n &&
    view.getInt32(8, true) === SOL_SOCKET &&
    view.getInt32(12, true) === SCM_RIGHTS;
  return {
    byte: bytes[0]!,
    bytes: bytes.subarray(0, Number(count)),
    descriptor: carries ? new Descriptor(view.getInt32(16, true)) : null,
  };
}

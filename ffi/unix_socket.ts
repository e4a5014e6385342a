/** sys/un.h: connects to Unix sockets, and sends descriptors through them. */

import { Descriptor, O } from "./fcntl.ts";
import { syscall } from "./libc.ts";
import { addressOf } from "./memory.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_SEQPACKET = 5;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_NOSIGNAL = 0x4000;
/** struct cmsghdr. */
const CONTROL_HEADER = 16;
const BACKLOG = 128;
const SUN_PATH_SIZE = 108;

/** struct sockaddr_un and its used size; `@name` is an abstract name. */
function addressOfPath(path: string): [address: Uint8Array, size: number] {
  const name = new TextEncoder().encode(path);
  if (name.length >= SUN_PATH_SIZE) {
    throw new TypeError(
      `${path}: the path of a socket can have at most 107 bytes`,
    );
  }
  const address = new Uint8Array(2 + SUN_PATH_SIZE);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(name, 2);
  if (!path.startsWith("@")) return [address, 2 + name.length + 1];
  address[2] = 0;
  return [address, 2 + name.length];
}

function makeSocket(
  call: "connect" | "bind",
  type: number,
  path: string,
): Descriptor {
  const [address, size] = addressOfPath(path);
  const socket = new Descriptor(
    syscall("socket", AF_UNIX, type | O.O_CLOEXEC, 0),
  );
  try {
    syscall(call, socket.fd, address, size);
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** connect(2) to a stream socket by its path, unix(7). */
export const connectUnix = (path: string) =>
  makeSocket("connect", SOCK_STREAM, path);

/** connect(2) to a SOCK_SEQPACKET socket by its path. */
export const connectPackets = (path: string) =>
  makeSocket("connect", SOCK_SEQPACKET, path);

/** connect(2) to a datagram socket by its path. */
export const connectDatagram = (path: string) =>
  makeSocket("connect", SOCK_DGRAM, path);

/** bind(2) of a datagram socket to an unused path. */
export const bindDatagram = (path: string) =>
  makeSocket("bind", SOCK_DGRAM, path);

/** Listens at an unused path for connections of whole messages. */
export function listenPackets(path: string): Descriptor {
  const socket = makeSocket("bind", SOCK_SEQPACKET, path);
  try {
    syscall("listen", socket.fd, BACKLOG);
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** sendmsg(2) of a text with a descriptor, SCM_RIGHTS. */
export const sendDescriptor = (
  socket: number,
  fd: number,
  text: string,
): void => sendDescriptors(socket, [fd], new TextEncoder().encode(text));

/** sendmsg(2) of bytes with descriptors, SCM_RIGHTS. */
export function sendDescriptors(
  socket: number,
  fds: readonly number[],
  bytes: Uint8Array,
): void {
  const used = CONTROL_HEADER + 4 * fds.length;
  const control = new Uint8Array(8 * Math.ceil(used / 8));
  const view = new DataView(control.buffer);
  view.setBigUint64(0, BigInt(used), true);
  view.setInt32(8, SOL_SOCKET, true);
  view.setInt32(12, SCM_RIGHTS, true);
  fds.forEach((fd, index) =>
    view.setInt32(CONTROL_HEADER + 4 * index, fd, true)
  );
  const vector = new BigUint64Array([addressOf(bytes), BigInt(bytes.length)]);
  const message = new Uint8Array(56);
  const header = new DataView(message.buffer);
  header.setBigUint64(16, addressOf(new Uint8Array(vector.buffer)), true);
  header.setBigUint64(24, 1n, true);
  header.setBigUint64(32, addressOf(control), true);
  header.setBigUint64(40, BigInt(control.length), true);
  syscall("sendmsg", socket, message, MSG_NOSIGNAL);
  // Using them after the call keeps the garbage collector from freeing them.
  if (!vector.length || !control.length || !bytes.length) {
    throw new RangeError();
  }
}

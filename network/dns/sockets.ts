/**
 * The sockets through which the resolver serves a container. They are made in
 * the container's network namespace, and only a process in it reaches them.
 * Runs on the host.
 *
 * @module
 */

import { Descriptor, moveUp, O } from "../../ffi/fcntl.ts";
import { SyscallError } from "../../ffi/errno.ts";
import { syscall } from "../../ffi/libc.ts";
import { RESOLVER_ADDRESS } from "../../plan/resolver.ts";
import { addressBytes } from "../address.ts";
import { word } from "../netlink/message.ts";
import { Netlink } from "../netlink/socket.ts";
import { within } from "../netlink/within.ts";
import { batchOf } from "../nf_tables/messages.ts";
import {
  redirectAgain,
  redirectQueries,
  type ResolverPorts,
} from "./redirect.ts";

const AF_INET = 2;
const SOCK = { udp: 2, tcp: 1 } as const;
const IP_FREEBIND = 15;
const SOCKADDR_IN = 16;
const BACKLOG = 64;

/** A container's sockets. */
export interface ResolverSockets extends Disposable {
  udp: Descriptor;
  tcp: Descriptor;
  /** Changes the firewall in the container's namespace. */
  filter: Netlink;
}

/**
 * Makes the sockets, and the rules that lead to them.
 *
 * @throws {SyscallError}
 */
export function makeSockets(namespace: Descriptor): ResolverSockets {
  using undo = new DisposableStack();
  const sockets = within(namespace, () => ({
    udp: undo.use(listen("udp")),
    tcp: undo.use(listen("tcp")),
    filter: undo.use(new Netlink("netfilter")),
  }));
  redirect(sockets.filter, {
    udp: portOf(sockets.udp),
    tcp: portOf(sockets.tcp),
  });
  const held = undo.move();
  return { ...sockets, [Symbol.dispose]: () => held[Symbol.dispose]() };
}

function redirect(netlink: Netlink, ports: ResolverPorts): void {
  try {
    netlink.batch(batchOf(redirectQueries(ports)));
  } catch (error) {
    if (!(error instanceof SyscallError && error.code === "EEXIST")) {
      throw error;
    }
    netlink.batch(batchOf(redirectAgain(ports)));
  }
}

function listen(protocol: keyof typeof SOCK): Descriptor {
  const socket = moveUp(
    new Descriptor(
      syscall(
        "socket",
        AF_INET,
        SOCK[protocol] | O.O_CLOEXEC | O.O_NONBLOCK,
        0,
      ),
    ),
  );
  try {
    // Loopback may not be up yet.
    syscall("setsockopt", socket.fd, 0, IP_FREEBIND, word(1), 4);
    const address = new Uint8Array(SOCKADDR_IN);
    address[0] = AF_INET;
    address.set(addressBytes(RESOLVER_ADDRESS), 4);
    syscall("bind", socket.fd, address, SOCKADDR_IN);
    if (protocol === "tcp") syscall("listen", socket.fd, BACKLOG);
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

function portOf({ fd }: Descriptor): number {
  const address = new Uint8Array(SOCKADDR_IN);
  syscall("getsockname", fd, address, word(SOCKADDR_IN));
  return address[2]! << 8 | address[3]!;
}

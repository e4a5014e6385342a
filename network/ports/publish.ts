/**
 * The published ports in our table of the firewall: elements of its maps. Runs
 * on the host.
 *
 * @module
 */

import { SyscallError } from "../../ffi/errno.ts";
import type { ReservedPort } from "../../plan/ports.ts";
import { Netlink } from "../netlink/socket.ts";
import {
  addPorts,
  getPort,
  type PublishedPort,
  removePorts,
  targetOf,
} from "../nf_tables/firewall.ts";
import { batchOf } from "../nf_tables/messages.ts";
import { forgetAnswered, forgetAsked } from "./conntrack.ts";
import { isIpv6, isLoopback } from "./port_words.ts";

/** How many ports one batch has: its messages have to fit the socket's buffer. */
const BATCH = 512;

/**
 * The ports that the firewall can send to a container. The relay serves
 * loopback and IPv6.
 */
const routed = (
  ports: readonly ReservedPort[],
  address: string,
): PublishedPort[] =>
  ports.filter(({ hostAddress }) =>
    !isIpv6(hostAddress) && !isLoopback(hostAddress)
  ).map(({ hostAddress, ...rest }) => ({
    ...rest,
    ...hostAddress === "" || hostAddress === "0.0.0.0" ? {} : { hostAddress },
    address,
  }));

function* batches(ports: readonly PublishedPort[]) {
  for (let at = 0; at < ports.length; at += BATCH) {
    yield ports.slice(at, at + BATCH);
  }
}

/**
 * Leads ports of the host to a container's address.
 *
 * @param taken called for ports that lead elsewhere. It throws if a container
 * has one; otherwise a command that was killed has left them, and they are
 * replaced.
 */
export function publishPorts(
  ports: readonly ReservedPort[],
  address: string,
  taken: () => void,
): void {
  const all = routed(ports, address);
  using netlink = new Netlink("netfilter");
  for (const some of batches(all)) {
    try {
      netlink.batch(batchOf(addPorts(some)));
    } catch (error) {
      if (!isCode(error, "EEXIST") && !isCode(error, "EBUSY")) throw error;
      taken();
      const stale = some.filter((port) => leadsTo(netlink, port) !== null);
      netlink.batch(batchOf([...removePorts(stale), ...addPorts(some)]));
    }
  }
  forgetAsked(netlink, ports);
}

/** Withdraws ports, and forgets their connections. Done twice, it does nothing. */
export function withdrawPorts(
  ports: readonly ReservedPort[],
  address: string,
): void {
  using netlink = new Netlink("netfilter");
  // One that leads elsewhere is another container's by now.
  const own = routed(ports, address).filter((port) =>
    leadsTo(netlink, port) === address
  );
  for (const some of batches(own)) netlink.batch(batchOf(removePorts(some)));
  forgetAnswered(netlink, address, ports);
}

/** The address that a port leads to; null if it is not in the table. */
function leadsTo(netlink: Netlink, port: PublishedPort): string | null {
  const { type, ...message } = getPort(port);
  try {
    return targetOf(netlink.get(type, message).attributes);
  } catch (error) {
    if (isCode(error, "ENOENT")) return null;
    throw error;
  }
}

const isCode = (error: unknown, code: string) =>
  error instanceof SyscallError && error.code === code;

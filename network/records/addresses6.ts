/**
 * The IPv6 addresses of a network: that of a container belongs to its IPv4
 * address, so that both are free together. Pure.
 *
 * @module
 */

import type { NetworkRecord, Subnet } from "../../plan/network.ts";
import { ContainerError } from "../../spec/errors.ts";
import { addressNumber, rangeOf, subnetText } from "../address.ts";
import {
  addressNumber6,
  addressOfNumber6,
  contains6,
  localSubnet,
  overlaps6,
  rangeOf6,
} from "../address6.ts";

type Network6 = NonNullable<NetworkRecord["ipv6"]>;

/** The IPv6 address for an IPv4 address; null if the network has none for it. */
export function addressBeside(
  { subnet: subnet6, gateway }: Network6,
  subnet: Subnet,
  address: string,
): string | null {
  const [first, last] = rangeOf6(subnet6);
  const offset = (addressNumber(address) ?? 0) - rangeOf(subnet)[0];
  const number = first + BigInt(offset);
  return number > last || number === addressNumber6(gateway)
    ? null
    : addressOfNumber6(number);
}

/**
 * Refuses an IPv6 address that no container of the network can have.
 *
 * @throws {ContainerError}
 */
export function checkWanted6(
  { ipv6, name }: Pick<NetworkRecord, "ipv6" | "name">,
  address: string,
): void {
  const number = addressNumber6(address);
  const fault = !ipv6
    ? "the network has no IPv6"
    : !contains6(ipv6.subnet, address)
    ? `it is not in ${subnetText(ipv6.subnet)}`
    : number === addressNumber6(ipv6.gateway)
    ? "it is the gateway"
    : number === rangeOf6(ipv6.subnet)[0]
    ? "it is the first address of the network"
    : null;
  if (fault === null) return;
  throw new ContainerError(
    `Cannot use the address ${address} in the network ${name}: ${fault}`,
    { hint: "Create a network with --ipv6, or choose another address." },
  );
}

/**
 * The IPv6 network of a new network.
 *
 * @param wanted what was asked for; without a subnet one of its own is chosen
 * @throws {ContainerError} if it is in use, or the gateway is not in it
 */
export function complete6(
  wanted: { subnet?: Subnet; gateway?: string },
  id: string,
  others: readonly NetworkRecord[],
): Network6 {
  const subnet = wanted.subnet ?? localSubnet(id);
  const text = subnetText(subnet);
  const other = others.find(({ ipv6 }) =>
    ipv6 && overlaps6(ipv6.subnet, subnet)
  );
  const gateway = wanted.gateway ?? addressOfNumber6(rangeOf6(subnet)[0] + 1n);
  const fault = other
    ? `it overlaps with ${
      subnetText(other.ipv6!.subnet)
    } of the network ${other.name}`
    : subnet.bits > MOST_BITS
    ? `it is too small: a network needs at least a /${MOST_BITS}`
    : !contains6(subnet, gateway)
    ? `the gateway ${gateway} is not in it`
    : null;
  if (fault === null) return { subnet, gateway };
  throw new ContainerError(`Cannot use the subnet ${text}: ${fault}`, {
    hint: "Choose another one with --subnet, or leave the choice to us.",
  });
}

/** The smallest subnet: its gateway and two containers. */
const MOST_BITS = 126;

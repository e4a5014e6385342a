/**
 * The networks from which subnets are taken. Pure.
 *
 * @module
 */

import { ContainerError } from "../../spec/errors.ts";
import { overlaps, type Subnet, subnetText } from "../address.ts";

const range = (length: number) => Array.from({ length }, (_, index) => index);

/** Docker's default pools: 172.17.0.0/16 to 172.31.0.0/16, then 192.168.0.0/20 and up. */
export const POOLS: readonly Subnet[] = [
  ...range(15).map((index) => ({ address: `172.${17 + index}.0.0`, bits: 16 })),
  ...range(16).map((index) => ({
    address: `192.168.${16 * index}.0`,
    bits: 20,
  })),
];

/** A network that is in use, and by what: "the network web". */
export interface UsedSubnet {
  subnet: Subnet;
  by: string;
}

/**
 * The first subnet of the pools that nothing uses.
 *
 * @throws {ContainerError} if there is none
 */
export function freeSubnet(used: readonly UsedSubnet[]): Subnet {
  const free = POOLS.find((pool) =>
    !used.some(({ subnet }) => overlaps(subnet, pool))
  );
  if (free) return free;
  throw new ContainerError(
    "Cannot create the network: all subnets of the default pools are in use",
    { hint: "Name another one with --subnet, or remove unused networks." },
  );
}

/**
 * Refuses a subnet that something uses.
 *
 * @throws {ContainerError} that names it
 */
export function checkFree(
  subnet: Subnet,
  used: readonly UsedSubnet[],
): void {
  const other = used.find((one) => overlaps(one.subnet, subnet));
  if (!other) return;
  throw new ContainerError(
    `Cannot use the subnet ${subnetText(subnet)}: it overlaps with ${
      subnetText(other.subnet)
    } of ${other.by}`,
    { hint: "Choose another one with --subnet, or leave the choice to us." },
  );
}

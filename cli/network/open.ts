/** The networks that a command line means. */

import { bootId } from "../../launch/host/owner.ts";
import { routedSubnets } from "../../network/kernel/host_routes.ts";
import { Networks } from "../../network/records/networks.ts";
import type { UsedSubnet } from "../../network/records/pools.ts";
import {
  DEFAULT_BRIDGE,
  DEFAULT_NETWORK,
  FIXED_IDS,
  type NetworkRecord,
} from "../../network/records/record.ts";
import { recordsIn } from "../../containers/decide/networks/join_networks.ts";
import { storePath } from "../images/store_path.ts";
import { SpecError } from "../../spec/errors.ts";

/** The directory of everything about networks, next to the images. */
export const networksDirectory = (): string => `${storePath()}/networks`;

/** The networks on disk. */
export const openNetworks = (): Networks =>
  new Networks(recordsIn(networksDirectory()));

/** The subnets that the host uses, without those of our bridges. */
export const usedByHost = (networks: Networks): UsedSubnet[] =>
  routedSubnets([
    DEFAULT_BRIDGE,
    ...networks.list().map(({ bridge }) => bridge),
  ]);

/** All networks, the default one first, which may not have been used yet. */
export function allNetworks(networks: Networks): NetworkRecord[] {
  const found = networks.default(usedByHost(networks));
  return [found, ...networks.list().filter(({ id }) => id !== found.id)];
}

/**
 * The network that a word names.
 *
 * @throws {ContainerError} if there is none
 */
export function findNetwork(networks: Networks, word: string): NetworkRecord {
  const isDefault = word === "default" || word === DEFAULT_NETWORK ||
    word !== "" && !networks.has(word) && FIXED_IDS.bridge.startsWith(word);
  const name = isDefault ? DEFAULT_NETWORK : word;
  return isDefault && !networks.has(name)
    ? networks.default(usedByHost(networks))
    : networks.find(name);
}

/** The identity of this boot. */
export const thisBoot = (): string => bootId() ?? "";

/**
 * Refuses a caller that is not root.
 *
 * @param action for example `create the network blue`
 * @throws {SpecError}
 */
export function requireRoot(action: string): void {
  if (Deno.uid() === 0) return;
  throw new SpecError(
    `Cannot ${action} without root: this is not supported yet`,
    {
      hint:
        "Run as root (sudo). --network pasta is a way out for one container.",
    },
  );
}

/**
 * What is recorded of a network, and the words for it. Pure.
 *
 * @module
 */

import { ContainerError, UsageError } from "../../spec/errors.ts";
export type { NetworkRecord } from "../../plan/network.ts";

/** The network that exists without being made. */
export const DEFAULT_NETWORK = "bridge";
/** The IDs of what exists without being made: the SHA-256 of the names. */
export const FIXED_IDS = {
  bridge: "17f29b073143d8cd97b5bbe492bdeffec1c5fee55cc1fe2112c8b9335f8b6121",
  host: "4740ae6347b0172c01254ff55bae5aff5199f4446e7f6d643d40185b3f475145",
  none: "140bedbf9c3f6d56a9846d2ba7088798683f4da0c248231336e6a05679e4fdfe",
} as const;

/** Its bridge. */
export const DEFAULT_BRIDGE = "container0";

/** The names that mean no network of ours. */
export const RESERVED_NAMES: readonly string[] = [
  "host",
  "none",
  "container",
  "pasta",
  "slirp4netns",
];

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
/** The digits of the ID in the name of the bridge: IFNAMSIZ is 16. */
const SHORT = 12;

/** An ID as lists show it. */
export const shortNetworkId = (id: string): string => id.slice(0, SHORT);

/** The name of the bridge of a network, as docker's. */
export const bridgeName = (id: string): string => `br-${shortNetworkId(id)}`;

/**
 * Refuses a name that no network can have.
 *
 * @throws {UsageError}
 */
export function checkNetworkName(name: string): void {
  if (!NAME.test(name)) {
    throw new UsageError(
      `Invalid network name ${JSON.stringify(name)}`,
      "Use letters, digits, and after the first character also _ . -",
    );
  }
  if (RESERVED_NAMES.includes(name)) {
    throw new UsageError(
      `Cannot create the network ${name}: the name has a meaning for --network`,
      "Choose another name.",
    );
  }
}

/** The hardware address that belongs to an address, as docker's: `02:42` and it. */
export const macOf = (address: string): string =>
  ["02", "42"].concat(
    address.split(".").map((part) =>
      Number(part).toString(16).padStart(2, "0")
    ),
  ).join(":");

/** The error for a network that does not exist. */
export const noSuchNetwork = (word: string): ContainerError =>
  new ContainerError(`Network does not exist: ${word}`, {
    hint:
      `\`container network ls\` lists the networks, \`container network create ${
        NAME.test(word) ? word : "NAME"
      }\` makes one.`,
  });

/** The networks that `--network`, `--ip` and the flags next to it ask for. */

import type {
  NetworkPlace,
  NetworkPlaces,
} from "../../containers/decide/networks/join_networks.ts";
import { recordsIn } from "../../containers/decide/networks/join_networks.ts";
import { addressNumber } from "../../network/address.ts";
import { addressNumber6, addressOfNumber6 } from "../../network/address6.ts";
import { checkWanted6 } from "../../network/records/addresses6.ts";
import { checkWanted } from "../../network/records/leases.ts";
import { Networks } from "../../network/records/networks.ts";
import { DEFAULT_NETWORK } from "../../network/records/record.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Flags } from "../flags.ts";
import { isNetworkName } from "../run_options.ts";
import { publishedBy, publishes } from "./published.ts";
import { findNetwork, networksDirectory, requireRoot } from "./open.ts";

/** One network as it is asked for. */
interface AskedNetwork {
  name: string;
  aliases: string[];
  address?: string;
  address6?: string;
  mac?: string;
}

/**
 * The networks of a container; undefined if the flags ask for none.
 *
 * @throws {UsageError} for wrong flags, {ContainerError} for a network that does
 * not exist
 */
export function networksOf(flags: Flags): NetworkPlaces | undefined {
  publishedBy(flags);
  const given = flags.all("network");
  // A published port needs a network.
  const names = !given.length && publishes(flags)
    ? [DEFAULT_NETWORK]
    : given.filter(isNetworkName);
  if (!names.length) {
    refuseWithoutNetwork(flags);
    return undefined;
  }
  const asked = names.map(parseNetwork);
  merge(asked[0]!, flags);
  requireRoot(`join the network ${asked[0]!.name}`);
  const directory = networksDirectory();
  const networks = new Networks(recordsIn(directory));
  const places = asked.map((one) => placeOf(networks, one));
  const ids = places.map(({ network }) => network.id);
  const twice = places.find(({ network }, index) =>
    ids.indexOf(network.id) !== index
  );
  if (twice) {
    throw new UsageError(
      `--network ${twice.network.name} is given twice`,
      "Remove one of them.",
    );
  }
  return { directory, places };
}

const ALONE = ["ip", "ip6", "mac-address", "network-alias"];

function refuseWithoutNetwork(flags: Flags): void {
  const flag = ALONE.find((name) => flags.last(name) !== undefined);
  if (flag === undefined) return;
  throw new UsageError(
    `--${flag} requires a network`,
    "Name it with --network NETWORK.",
  );
}

const KEYS = ["name", "alias", "ip", "ip6", "mac-address"];

/** `NETWORK`, or docker's `name=NETWORK,alias=NAME,ip=ADDRESS`. */
function parseNetwork(text: string): AskedNetwork {
  if (!text.startsWith("name=")) return { name: text, aliases: [] };
  const asked: AskedNetwork = { name: "", aliases: [] };
  for (const part of text.split(",")) {
    const [, key = part, value = ""] = /^([^=]*)=(.*)$/s.exec(part) ?? [];
    if (key === "name") asked.name = value;
    else if (key === "alias") asked.aliases.push(checkAlias(value));
    else if (key === "ip") asked.address = checkAddress(value);
    else if (key === "ip6") asked.address6 = checkAddress6(value);
    else if (key === "mac-address") asked.mac = checkMac(value);
    else {
      throw new UsageError(
        `--network ${text}: unknown key ${key}`,
        `The keys are ${KEYS.join(", ")}.`,
      );
    }
  }
  return asked;
}

/** The flags next to `--network` are for the first one. */
function merge(first: AskedNetwork, flags: Flags): void {
  const [address, mac] = [flags.last("ip"), flags.last("mac-address")];
  if (address !== undefined) first.address = checkAddress(address);
  const address6 = flags.last("ip6");
  if (address6 !== undefined) first.address6 = checkAddress6(address6);
  if (mac !== undefined) first.mac = checkMac(mac);
  first.aliases.push(...flags.all("network-alias").map(checkAlias));
}

/** Refuses what is no address. */
export function checkAddress(text: string): string {
  if (addressNumber(text) !== null) return text;
  throw new UsageError(`--ip ${text}: not an IPv4 address`);
}

/** Refuses what is no IPv6 address; returns it in its shortest form. */
export function checkAddress6(text: string): string {
  const number = addressNumber6(text);
  if (number !== null) return addressOfNumber6(number);
  throw new UsageError(`--ip6 ${text}: not an IPv6 address`);
}

function checkMac(text: string): string {
  const mac = text.toLowerCase().replaceAll("-", ":");
  // The lowest bit of the first byte marks an address of a group.
  if (
    /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac) &&
    !(parseInt(mac.slice(0, 2), 16) & 1) && mac !== "00:00:00:00:00:00"
  ) return mac;
  throw new UsageError(
    `--mac-address ${text}: not the hardware address of one device`,
    "Example: 02:42:ac:11:00:07.",
  );
}

/** Refuses what is no name of a host. */
export function checkAlias(text: string): string {
  if (/^[a-zA-Z0-9]([a-zA-Z0-9_.-]*[a-zA-Z0-9])?$/.test(text)) return text;
  throw new UsageError(
    `--network-alias ${text || '""'}: not a name of a host`,
    "Use letters, digits, and inside also _ . -",
  );
}

/**
 * A container's place in a network.
 *
 * @throws {ContainerError} for a network that does not exist, or an address that
 * is not in it
 */
export function placeOf(
  networks: Networks,
  { name, aliases, address, address6, mac }: AskedNetwork,
): NetworkPlace {
  const network = findNetwork(networks, name);
  const isDefault = network.name === DEFAULT_NETWORK;
  if (isDefault && aliases.length) {
    throw new UsageError(
      "--network-alias: containers of the default network do not find each other by name",
      "Create a network: container network create NAME.",
    );
  }
  if (address !== undefined) checkWanted(network, address);
  if (address6 !== undefined) checkWanted6(network, address6);
  return {
    network,
    named: !isDefault,
    ...isDefault && !networks.has(DEFAULT_NETWORK) ? { proposed: true } : {},
    aliases,
    ...address === undefined ? {} : { address },
    ...address6 === undefined ? {} : { address6 },
    ...mac === undefined ? {} : { mac },
  };
}

/**
 * The networks on disk: one directory each, `ID/network.json`, in a directory
 * with a lock that is held around each change. A directory whose name begins
 * with a dot belongs to a command that was killed. Runs on the host.
 *
 * @module
 */

import { ContainerError } from "../../spec/errors.ts";
import {
  addressOfNumber,
  contains,
  overlaps,
  rangeOf,
  type Subnet,
  subnetText,
} from "../address.ts";
import {
  lockFile,
  namesIn,
  recordError,
  textOrNull,
  writeWhole,
} from "./files.ts";
import { membersOf } from "./leases.ts";
import { complete6 } from "./addresses6.ts";
import { checkFree, freeSubnet, type UsedSubnet } from "./pools.ts";
import {
  bridgeName,
  checkNetworkName,
  DEFAULT_BRIDGE,
  DEFAULT_NETWORK,
  FIXED_IDS,
  type NetworkRecord,
  noSuchNetwork,
} from "./record.ts";

const RECORD = "network.json";

/** What a new network is given; the rest is chosen. */
export type NewNetwork =
  & Omit<
    NetworkRecord,
    "id" | "driver" | "created" | "subnet" | "gateway" | "bridge" | "ipv6"
  >
  & {
    subnet?: Subnet;
    gateway?: string;
    bridge?: string;
    ipv6?: { subnet?: Subnet; gateway?: string };
  };

/** The default network, before it has been used. */
const DEFAULT: NewNetwork = {
  name: DEFAULT_NETWORK,
  bridge: DEFAULT_BRIDGE,
  internal: false,
  icc: true,
  masquerade: true,
  labels: {},
  options: {},
};

/** The networks of a directory. */
export class Networks {
  constructor(readonly path: string) {}

  /** The directory of a network. */
  directoryOf(id: string): string {
    return `${this.path}/${id}`;
  }

  /** All networks, the oldest first. */
  list(): NetworkRecord[] {
    try {
      return namesIn(this.path).flatMap((id) => this.#read(id) ?? [])
        .toSorted((one, other) => one.created < other.created ? -1 : 1);
    } catch (error) {
      throw recordError(this.path, error);
    }
  }

  /** Whether there is a network with this name. */
  has(name: string): boolean {
    return this.list().some((network) => network.name === name);
  }

  /**
   * The network of a name or of the beginning of an ID.
   *
   * @throws {ContainerError} if there is none, or several
   */
  find(word: string): NetworkRecord {
    const all = this.list();
    const named = all.find(({ name, id }) => name === word || id === word);
    if (named) return named;
    const [found, ...more] = /^[0-9a-f]+$/.test(word)
      ? all.filter(({ id }) => id.startsWith(word))
      : [];
    if (!found) throw noSuchNetwork(word);
    if (!more.length) return found;
    throw new ContainerError(
      `Cannot find the network ${word}: several IDs begin with it`,
      { hint: "Give more digits, or the name." },
    );
  }

  /**
   * The default network. Before its first use it is only a proposal, which
   * {@linkcode keep} records.
   *
   * @param routed what the host uses already
   */
  default(routed: readonly UsedSubnet[]): NetworkRecord {
    const all = this.list();
    return all.find(({ name }) => name === DEFAULT_NETWORK) ??
      complete(DEFAULT, all, routed);
  }

  /**
   * Records a new network.
   *
   * @throws {ContainerError} if its name or its subnet is in use
   */
  create(network: NewNetwork, routed: readonly UsedSubnet[]): NetworkRecord {
    checkNetworkName(network.name);
    return this.#changing(() => {
      const all = this.list();
      const same = all.find(({ name }) => name === network.name);
      if (same || network.name === DEFAULT_NETWORK) {
        throw new ContainerError(
          `Cannot create the network ${network.name}: a network with this name exists`,
          { hint: "Choose another name, or remove that network." },
        );
      }
      const device = all.find(({ bridge }) => bridge === network.bridge);
      if (device) {
        throw new ContainerError(
          `Cannot create the network ${network.name}: ${device.bridge} is the bridge of the network ${device.name}`,
          { hint: "Choose another name for the bridge." },
        );
      }
      const record = complete(network, all, routed);
      this.#write(record);
      return record;
    });
  }

  /**
   * Records the default network if it is not recorded; returns what is recorded.
   *
   * @throws {ContainerError} if another network has been removed since it was
   * read
   */
  keep(record: NetworkRecord): NetworkRecord {
    const known = this.#read(record.id);
    if (known) return known;
    if (record.name !== DEFAULT_NETWORK) throw noSuchNetwork(record.name);
    return this.#changing(() => {
      const all = this.list();
      const same = all.find(({ name }) => name === DEFAULT_NETWORK);
      if (same) return same;
      checkFree(record.subnet, usedBy(all));
      this.#write(record);
      return record;
    });
  }

  /**
   * Removes a network that no container uses.
   *
   * @param boot the identity of this boot: leases of another one are over
   * @param takeDown removes its bridge and its rules
   * @throws {ContainerError} if a container uses it
   */
  remove(
    record: NetworkRecord,
    boot: string,
    takeDown: (record: NetworkRecord) => void,
  ): void {
    this.#changing(() => {
      const directory = this.directoryOf(record.id);
      using _lock = lockFile(`${directory}/lock`);
      const members = membersOf(directory, boot);
      if (members.length) {
        throw new ContainerError(
          `Cannot remove the network ${record.name}: ${
            members.map(({ name }) => name).join(", ")
          } ${members.length === 1 ? "uses" : "use"} it`,
          { hint: "Remove the containers first (container rm)." },
        );
      }
      takeDown(record);
      const gone = `${this.path}/.${record.id}`;
      Deno.renameSync(directory, gone);
      Deno.removeSync(gone, { recursive: true });
    });
  }

  #read(id: string): NetworkRecord | null {
    const text = textOrNull(`${this.directoryOf(id)}/${RECORD}`);
    if (text === null) return null;
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new ContainerError(
        `Cannot read the record of the network ${id}: ${
          cause instanceof Error ? cause.message : cause
        }`,
        { hint: `Remove ${this.directoryOf(id)}.`, cause },
      );
    }
  }

  #write(record: NetworkRecord): void {
    const draft = `${this.path}/.${record.id}`;
    Deno.mkdirSync(draft, { mode: 0o700 });
    writeWhole(`${draft}/${RECORD}`, JSON.stringify(record));
    Deno.renameSync(draft, this.directoryOf(record.id));
  }

  /** Runs a change while no other command makes one. */
  #changing<T>(change: () => T): T {
    try {
      Deno.mkdirSync(this.path, { recursive: true, mode: 0o700 });
      using _lock = lockFile(`${this.path}/.lock`);
      this.#collect();
      return change();
    } catch (error) {
      throw recordError(this.path, error);
    }
  }

  /** Removes what a killed command has left. */
  #collect(): void {
    for (const { name, isDirectory } of Deno.readDirSync(this.path)) {
      if (isDirectory && name.startsWith(".")) {
        Deno.removeSync(`${this.path}/${name}`, { recursive: true });
      }
    }
  }
}

/** The subnets of networks. */
export const usedBy = (records: readonly NetworkRecord[]): UsedSubnet[] =>
  records.map(({ name, subnet }) => ({ subnet, by: `the network ${name}` }));

/** Chooses what is not given. */
function complete(
  network: NewNetwork,
  others: readonly NetworkRecord[],
  routed: readonly UsedSubnet[],
): NetworkRecord {
  const used = [...usedBy(others), ...routed];
  const id = network.name === DEFAULT_NETWORK
    ? FIXED_IDS.bridge
    : crypto.getRandomValues(new Uint8Array(32)).toHex();
  const { subnet = freeSubnet(used), range } = network;
  if (network.subnet) checkFree(subnet, used);
  const gateway = network.gateway ?? firstOf(range ?? subnet);
  checkInside({ subnet, gateway, range });
  const { ipv6, ...rest } = network;
  return {
    ...rest,
    ...ipv6 ? { ipv6: complete6(ipv6, id, others) } : {},
    id,
    driver: "bridge",
    created: new Date().toISOString(),
    subnet,
    gateway,
    bridge: network.bridge ?? bridgeName(id),
  };
}

/** The first address for a host. In a range that is a part, all are. */
const firstOf = (subnet: Subnet): string =>
  addressOfNumber(rangeOf(subnet)[0] + 1);

/** The smallest subnet: its gateway and one container. */
const MOST_BITS = 30;

/**
 * Refuses addresses that are not in the subnet.
 *
 * @throws {ContainerError}
 */
function checkInside(
  { subnet, gateway, range }: Pick<
    NetworkRecord,
    "subnet" | "gateway" | "range"
  >,
): void {
  const text = subnetText(subnet);
  const [first, last] = rangeOf(subnet).map(addressOfNumber);
  const isPart = !range ||
    overlaps(range, subnet) && range.bits >= subnet.bits;
  const fault = subnet.bits > MOST_BITS
    ? "it is too small: a network needs at least a /30"
    : !contains(subnet, gateway)
    ? `the gateway ${gateway} is not in it`
    : gateway === first || gateway === last
    ? `the gateway ${gateway} is its first or last address`
    : isPart
    ? null
    : `the range ${subnetText(range)} is not in it`;
  if (fault === null) return;
  throw new ContainerError(`Cannot use the subnet ${text}: ${fault}`, {
    hint: "Example: --subnet 10.9.0.0/24 --gateway 10.9.0.1.",
  });
}

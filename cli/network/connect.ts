/** `container network connect` and `container network disconnect`. */

import { connect, disconnect } from "../../containers/daily/change_networks.ts";
import { findContainer } from "../../containers/daily/names.ts";
import { membersOf, releaseLease } from "../../network/records/leases.ts";
import { ContainerError, UsageError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { type Flag, type Flags, parseFlagsAndNames } from "../flags.ts";
import { globals } from "../oci/global.ts";
import {
  checkAddress,
  checkAddress6,
  checkAlias,
  placeOf,
} from "./attached.ts";
import {
  findNetwork,
  networksDirectory,
  openNetworks,
  requireRoot,
  thisBoot,
} from "./open.ts";

const CONNECT_FLAGS: readonly Flag[] = [
  { name: "ip", value: "ADDRESS", help: "Its address in the network" },
  { name: "ip6", value: "ADDRESS", help: "Its IPv6 address" },
  {
    name: "alias",
    value: "NAME",
    help: "A further name in the network; repeatable",
  },
  {
    name: "network-alias",
    as: "alias",
    value: "NAME",
    help: "The same as --alias",
  },
];

/** Connects a container with a network. */
export const networkConnectCommand: Command = {
  name: "network connect",
  summary: "Connect a container with one more network",
  usage: "[flags] NETWORK CONTAINER",
  flags: CONNECT_FLAGS,
  examples: [
    ["sudo container network connect blue web", "at once, if web runs"],
    [
      "sudo container network connect --alias db --ip 10.9.0.5 blue web",
      "with an address and a name",
    ],
  ],
  async execute(argv) {
    const flags = parseFlagsAndNames(
      CONNECT_FLAGS,
      argv,
      "container network connect",
    );
    const [network, container] = both(flags, "connect");
    requireRoot(`connect ${container} with the network ${network}`);
    const { store } = globals();
    const [address, address6] = [flags.last("ip"), flags.last("ip6")];
    const place = placeOf(openNetworks(), {
      name: network,
      aliases: flags.all("alias").map(checkAlias),
      ...address === undefined ? {} : { address: checkAddress(address) },
      ...address6 === undefined ? {} : { address6: checkAddress6(address6) },
    });
    const id = findContainer(store, container);
    await connect(store, id, place, networksDirectory());
    return 0;
  },
};

const DISCONNECT_FLAGS: readonly Flag[] = [
  {
    name: "force",
    short: "f",
    help: "Also if the container does not exist any more",
  },
];

/** Takes a container out of a network. */
export const networkDisconnectCommand: Command = {
  name: "network disconnect",
  summary: "Take a container out of a network",
  usage: "[flags] NETWORK CONTAINER",
  flags: DISCONNECT_FLAGS,
  examples: [
    ["sudo container network disconnect blue web", "at once, if web runs"],
  ],
  async execute(argv) {
    const flags = parseFlagsAndNames(
      DISCONNECT_FLAGS,
      argv,
      "container network disconnect",
    );
    const [word, container] = both(flags, "disconnect");
    requireRoot(`disconnect ${container} from the network ${word}`);
    const networks = openNetworks();
    const network = findNetwork(networks, word);
    const { store } = globals();
    let id: string;
    try {
      id = findContainer(store, container);
    } catch (error) {
      if (!flags.has("force") || !(error instanceof ContainerError)) {
        throw error;
      }
      const directory = networks.directoryOf(network.id);
      // Only the lease of a container without a record, named in full or by the
      // ID that `ps` prints: a shorter word may mean one that is alive.
      const [left, ...others] = membersOf(directory, thisBoot()).filter((
        member,
      ) =>
        !store.peek(member.container) &&
        (member.name === container ||
          /^[0-9a-f]{12,}$/.test(container) &&
            member.container.startsWith(container))
      );
      if (!left || others.length) throw error;
      releaseLease(directory, left.container);
      return 0;
    }
    await disconnect(store, id, network, networksDirectory());
    return 0;
  },
};

/** The network and the container that a command takes. */
function both(flags: Flags, command: string): [string, string] {
  const [network, container, ...more] = flags.rest;
  if (network !== undefined && container !== undefined && !more.length) {
    return [network, container];
  }
  throw new UsageError(
    `container network ${command} takes a network and a container`,
    `Example: container network ${command} blue web.`,
  );
}

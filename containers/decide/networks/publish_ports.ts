/**
 * The published ports of a container: the steps around those that join its
 * networks. Only decides; changes nothing. Runs on the host.
 */

import type { NetworkRecord } from "../../../plan/network.ts";
import type { PortOptions } from "../../../plan/ports.ts";
import type { HostStep, StepOf } from "../../../plan/step.ts";

/** The record of a container's ports, in the directory of everything. */
export const portsRecordOf = (directory: string, id: string): string =>
  `${directory}/ports/${id}`;

/** Where the steps belong. */
export interface PortPlace {
  /** The directory of everything about networks. */
  directory: string;
  /** The directory of the records of networks. */
  records: string;
  id: string;
  name: string;
  /** The network whose address the ports lead to. */
  network: NetworkRecord;
}

/** The steps before, among and after those that join the networks. */
export interface PortSteps {
  first: readonly HostStep[];
  /** When the address is taken, and the firewall's table is there. */
  filtered: readonly HostStep[];
  /** When the container is connected. */
  last: readonly HostStep[];
}

/** Nothing is published. */
export const NO_PORTS: PortSteps = { first: [], filtered: [], last: [] };

const reservation = (
  path: string,
  { id, name, ports }: Pick<PortPlace, "id" | "name"> & {
    ports: PortOptions["published"];
  },
): StepOf<"reservePorts"> => ({
  step: "reservePorts",
  path,
  container: id,
  name,
  ports,
  why:
    "no other program gets the ports while the container lives; one in use is an error before anything is made",
  man: "bind(2)",
  undo: [{ undo: "releasePorts", path }],
});

const relay = (path: string, why: string): StepOf<"startRelay"> => ({
  step: "startRelay",
  path,
  why,
  man: "splice(2)",
  undo: "kernel",
});

/** The steps that publish ports. */
export function portSteps(
  { published }: PortOptions,
  { directory, records, id, name, network }: PortPlace,
): PortSteps {
  if (!published.length) return NO_PORTS;
  const path = portsRecordOf(directory, id);
  return {
    first: [reservation(path, { id, name, ports: published })],
    filtered: [{
      step: "publishPorts",
      path,
      records,
      network,
      container: id,
      why:
        "the kernel sends what arrives at the host's IPv4 addresses to the container, which sees the client's address",
      man: "nft(8)",
      undo: [{ undo: "withdrawPorts", path }],
    }],
    last: [
      relay(
        path,
        "what is sent to 127.0.0.1 or to IPv6 cannot be redirected by the firewall; without any right, it copies the bytes",
      ),
    ],
  };
}

/** The steps that publish the ports of a container with a way out of its own. */
export function relayedPortSteps(
  ports: PortOptions | undefined,
  { directory, id, name }: Pick<PortPlace, "directory" | "id" | "name">,
): PortSteps {
  if (!ports?.published.length) return NO_PORTS;
  const path = portsRecordOf(directory, id);
  return {
    first: [{
      ...reservation(path, { id, name, ports: ports.published }),
      enters: true,
    }],
    filtered: [],
    last: [
      relay(
        path,
        "a user has no firewall; a process copies the bytes from inside the container's network namespace",
      ),
    ],
  };
}

/** Why ports that are asked for are not published; null if they are. */
export function notPublished(
  { ports, networks, wayOut, namespaces = {} }: {
    ports?: PortOptions;
    wayOut?: unknown;
    networks?: { places: readonly { network: NetworkRecord }[] };
    namespaces?: { network?: string };
  },
): string | null {
  if (!ports?.published.length || wayOut) return null;
  if (networks?.places.some(({ network }) => !network.internal)) return null;
  return `the ports are not published: ${
    networks
      ? "its networks are internal"
      : namespaces.network === "host"
      ? "with --network host the container uses the host's ports"
      : "it has no network"
  }`;
}

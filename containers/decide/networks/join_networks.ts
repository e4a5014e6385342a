/**
 * The networks of a container: the steps that join it, and its files of names.
 * Only decides; changes nothing. Runs on the host.
 */

import { registrationPath } from "../../../plan/resolver.ts";
import type { NetworkRecord } from "../../../plan/network.ts";
import type { HostStep, StepOf } from "../../../plan/step.ts";
import type { Mount } from "../../../spec/types.ts";
import type { PortOptions } from "../../../plan/ports.ts";
import { NO_PORTS, portSteps } from "./publish_ports.ts";

/** The networks that a container is to be in. */
export interface NetworkPlaces {
  /** The directory of everything about networks. */
  directory: string;
  /** In the order in which they were named. */
  places: readonly NetworkPlace[];
}

/** A container's place in one network. */
export interface NetworkPlace {
  /** The network. */
  network: NetworkRecord;
  /** Its containers find each other by name, as on all that a user has made. */
  named: boolean;
  /** It is not recorded yet: the default network before its first use. */
  proposed?: true;
  /** More names by which the others find it. */
  aliases: readonly string[];
  /** The address that was asked for. */
  address?: string;
  /** The IPv6 address that was asked for. */
  address6?: string;
  /** The hardware address that was asked for. */
  mac?: string;
}

/** The directory of the records, in the directory of everything. */
export const recordsIn = (directory: string): string => `${directory}/records`;

/** The directory of the resolver, in the directory of everything. */
export const resolverIn = (directory: string): string => `${directory}/dns`;

/** Whether the resolver serves a container: in a network that a user has made. */
export const isNamed = ({ places }: NetworkPlaces): boolean =>
  places.some(({ named }) => named);

/** The container's /etc/hosts on the host. */
export const hostsOf = ({ directory }: NetworkPlaces, id: string) =>
  `${directory}/hosts/${id}`;

/** The mount of the container's /etc/hosts. */
export const hostsMount = (
  networks: NetworkPlaces,
  id: string,
  readonly: boolean,
): Mount => ({
  destination: "/etc/hosts",
  type: "bind",
  source: hostsOf(networks, id),
  options: [
    "bind",
    "rprivate",
    "nosuid",
    "nodev",
    "noexec",
    ...(readonly ? ["ro"] : []),
  ],
});

/**
 * The steps that join the networks.
 *
 * @param names its hostname, with and without its domain
 * @param hosts the lines of /etc/hosts that do not depend on networks; null if
 * the container has another file there
 * @param servers the servers that the resolver asks for names outside
 */
export function networkSteps(
  networks: NetworkPlaces,
  { id, name, names, hosts, ports, servers }: {
    id: string;
    name: string;
    names: readonly string[];
    hosts: string | null;
    ports?: PortOptions;
    servers?: readonly string[];
  },
): HostStep[] {
  const { directory, places } = networks;
  const records = recordsIn(directory);
  const note = `${directory}/forwarding`;
  const restore = { undo: "restoreForwarding", records, note } as const;
  const wayOut = places.find(({ network }) => !network.internal);
  const publishing = wayOut && ports
    ? portSteps(ports, {
      directory,
      records,
      id,
      name,
      network: wayOut.network,
    })
    : NO_PORTS;
  return [
    ...publishing.first,
    ...places.flatMap(({ network, proposed }): HostStep[] =>
      proposed
        ? [{
          step: "recordNetwork",
          records,
          network,
          why: "the default network is made with its first container",
          man: "rename(2)",
          undo: "kept",
        }]
        : []
    ),
    ...places.map(({ network, aliases, address, address6, mac }): HostStep => ({
      step: "joinNetwork",
      records,
      network,
      member: { container: id, name, aliases },
      ...(address === undefined ? {} : { address }),
      ...(address6 === undefined ? {} : { address6 }),
      ...(mac === undefined ? {} : { mac }),
      why:
        "an address belongs to one container; the link that takes it is made whole or not at all",
      man: "symlink(2)",
      undo: [
        restore,
        { undo: "leaveNetwork", records, id: network.id, container: id },
      ],
    })),
    ...places.flatMap(({ network }): HostStep[] => [
      {
        step: "makeBridge",
        network,
        why:
          "the network's containers are connected with it, and its address is their gateway; it stays until the network is removed, since removing it takes long",
        man: "rtnetlink(7)",
        undo: "kept",
      },
      {
        step: "filterNetwork",
        records,
        network,
        why:
          "other networks and hosts do not reach the containers, except by published ports; rules of others are left alone",
        man: "nft(8)",
        undo: "kept",
      },
    ]),
    ...(wayOut
      ? [
        {
          step: "allowForwarding",
          records,
          note,
          ...places.some(({ network }) => !network.internal && network.ipv6)
            ? { ipv6: true }
            : {},
          why: "the host passes the containers' packets on to other hosts",
          man: "ip(7)",
          undo: [restore],
        } satisfies HostStep,
      ]
      : []),
    ...publishing.filtered,
    ...(hosts === null ? [] : [
      {
        step: "makeHosts",
        records,
        path: hostsOf(networks, id),
        container: id,
        names,
        text: hosts,
        networks: places.map(({ network }) => network.id),
        named: places.filter(({ named }) => named)
          .map(({ network }) => network.id),
        why:
          "the containers of a network find each other by name, without a process that answers",
        man: "hosts(5)",
        undo: [{ undo: "removeHosts", path: hostsOf(networks, id) }],
      } satisfies HostStep,
    ]),
    ...places.map((place, index): HostStep => ({
      step: "attachLink",
      records,
      network: place.network,
      container: id,
      device: `eth${index}`,
      isWayOut: place === wayOut,
      why:
        "one end is born in the container's network namespace, the other on the bridge",
      man: "veth(4)",
      undo: "kernel",
    })),
    ...publishing.last,
    // After the device: without any address in the namespace, the kernel takes the
    // resolver's for one of broadcast.
    ...(isNamed(networks) ? [resolverStep(id, networks, servers)] : []),
  ];
}

/**
 * The step that makes the resolver serve a container.
 *
 * @param servers the servers of other names; absent for those that it asks
 * already
 */
export function resolverStep(
  id: string,
  { directory, places }: NetworkPlaces,
  servers?: readonly string[],
): StepOf<"startResolver"> {
  return {
    step: "startResolver",
    directory: resolverIn(directory),
    records: recordsIn(directory),
    container: id,
    networks: places.filter(({ named }) => named)
      .map(({ network: { id, name } }) => ({ id, name })),
    ...servers ? { servers } : {},
    forwards: places.some(({ network }) => !network.internal),
    why:
      "programs that only speak DNS find the other containers by name; its sockets are made in the container's network namespace, so nobody else reaches them",
    man: "resolver(5)",
    undo: servers
      ? [{
        undo: "leaveResolver",
        path: registrationPath(resolverIn(directory), id),
      }]
      : "kept",
  };
}

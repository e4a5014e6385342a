/** `container port`, and the ports of a container as `ps` and `inspect` show them. */

import { findContainer } from "../../containers/daily/names.ts";
import { look, type View } from "../../containers/daily/view.ts";
import { portsRecordOf } from "../../containers/decide/networks/publish_ports.ts";
import {
  bindingText,
  insideText,
  isIpv6,
  parseExpose,
} from "../../network/ports/port_words.ts";
import { readPorts } from "../../network/ports/record.ts";
import type { AskedPort, PortProtocol } from "../../plan/ports.ts";
import { ContainerError, UsageError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { parseFlagsAndNames } from "../flags.ts";
import { globals } from "../oci/global.ts";
import { print } from "../output.ts";
import { asksJson, FORMAT } from "./format.ts";

/** A port of the host that leads to a container, with one address. */
export interface Binding {
  hostIp: string;
  hostPort: number;
  containerPort: number;
  protocol: PortProtocol;
}

const RUNS: readonly View["status"][] = ["running", "paused"];

/** The ports that a container that runs has on the host. */
export function bindingsOf({ record, status }: View): Binding[] {
  const { networks, wayOut, ports } = record.daily?.options ?? {};
  const { directory } = networks ?? wayOut ?? {};
  if (
    directory === undefined || !ports?.published.length ||
    !RUNS.includes(status)
  ) {
    return [];
  }
  const found = readPorts(portsRecordOf(directory, record.id));
  return (found?.ports ?? []).flatMap((
    { protocol, hostAddress, hostPort, port, ipv4Only },
  ) =>
    (hostAddress ? [hostAddress] : ipv4Only ? ["0.0.0.0"] : ["0.0.0.0", "::"])
      .map((hostIp) => ({ hostIp, hostPort, containerPort: port, protocol }))
  );
}

const insideOf = ({ containerPort, protocol }: Binding) =>
  `${containerPort}/${protocol}`;

/** Whether a port follows another one, so that both are one range. */
const follows = (one: Binding, other: Binding, distance: number) =>
  one.hostIp === other.hostIp && one.protocol === other.protocol &&
  other.hostPort === one.hostPort + distance &&
  other.containerPort === one.containerPort + distance;

const rangeText = (first: number, size: number) =>
  size === 1 ? String(first) : `${first}-${first + size - 1}`;

/** The column PORTS of ps, as docker's: `0.0.0.0:80->80/tcp, 443/tcp`. */
export function portsText(view: View): string {
  const bindings = bindingsOf(view).toSorted((one, other) =>
    Number(isIpv6(one.hostIp)) - Number(isIpv6(other.hostIp)) ||
    one.hostIp.localeCompare(other.hostIp) ||
    one.protocol.localeCompare(other.protocol) || one.hostPort - other.hostPort
  );
  const ranges: { first: Binding; size: number }[] = [];
  for (const binding of bindings) {
    const last = ranges.at(-1);
    if (last && follows(last.first, binding, last.size)) last.size++;
    else ranges.push({ first: binding, size: 1 });
  }
  const published = new Set(bindings.map(insideOf));
  const { exposed = [] } = view.record.daily?.options.ports ?? {};
  return [
    ...ranges.map(({ first, size }) =>
      `${bindingText(first.hostIp, rangeText(first.hostPort, size))}->${
        rangeText(first.containerPort, size)
      }/${first.protocol}`
    ),
    ...RUNS.includes(view.status)
      ? exposed.filter((text) => !published.has(text))
      : [],
  ].join(", ");
}

/** docker's PortMap: ports of the container with those of the host. */
export function portMap(
  bindings: readonly Binding[],
  exposed: readonly string[] = [],
): Record<string, { HostIp: string; HostPort: string }[] | null> {
  return {
    ...Object.fromEntries(exposed.map((text) => [text, null])),
    ...Object.fromEntries(
      Object.entries(Object.groupBy(bindings, insideOf)).map((
        [text, list = []],
      ) => [
        text,
        list.map(({ hostIp, hostPort }) => ({
          HostIp: hostIp,
          HostPort: String(hostPort),
        })),
      ]),
    ),
  };
}

/** docker's PortBindings: what was asked for. */
export function askedMap(ports: readonly AskedPort[]) {
  return Object.fromEntries(
    Object.entries(Object.groupBy(ports, insideText)).map((
      [text, list = []],
    ) => [
      text,
      list.map(({ hostAddress, host: [first, last] }) => ({
        HostIp: hostAddress,
        HostPort: first === 0 ? "" : rangeText(first, last - first + 1),
      })),
    ]),
  );
}

/**
 * Prints the ports of the host that lead to a container.
 */
export const portCommand: Command = {
  name: "port",
  summary: "Print the published ports of a container",
  usage: "[flags] CONTAINER [PORT[/PROTOCOL]]",
  flags: [FORMAT],
  examples: [
    ["sudo container port web", "80/tcp -> 0.0.0.0:8080, and others"],
    ["sudo container port web 80", "only the addresses of port 80/tcp"],
    ["sudo container port --format json web", "for programs"],
  ],
  execute(argv) {
    const flags = parseFlagsAndNames(this.flags, argv, "container port");
    const json = asksJson(flags);
    const [word, port, ...more] = flags.rest;
    if (word === undefined || more.length) {
      throw new UsageError(
        "container port takes a container and perhaps a port",
        "See container port --help.",
      );
    }
    const { store } = globals();
    const view = look(store, findContainer(store, word));
    const all = view ? bindingsOf(view) : [];
    const wanted = port === undefined ? undefined : insideWord(port);
    const bindings = all.filter((one) =>
      wanted === undefined || insideOf(one) === wanted
    );
    if (wanted !== undefined && !bindings.length) {
      throw new ContainerError(
        `No public port '${wanted}' published for ${word}`,
        { hint: `See container port ${word}.`, status: 1 },
      );
    }
    if (json) {
      print(JSON.stringify(portMap(bindings)));
      return 0;
    }
    for (const one of bindings) {
      const host = bindingText(one.hostIp, one.hostPort);
      print(wanted === undefined ? `${insideOf(one)} -> ${host}` : host);
    }
    return 0;
  },
};

/** `80` or `80/udp` as it is written everywhere: `80/tcp`. */
function insideWord(text: string): string {
  const [one, ...more] = parseExpose(text, `container port: ${text}`);
  if (one !== undefined && !more.length) return one;
  throw new UsageError(`container port: ${text} is not one port`);
}

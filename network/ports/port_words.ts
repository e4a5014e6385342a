/**
 * The words of `--publish` and `--expose`, in docker's grammar. Pure.
 *
 * @module
 */

import type { AskedPort, PortProtocol } from "../../plan/ports.ts";
import { UsageError } from "../../spec/errors.ts";
import { addressNumber } from "../address.ts";

const PROTOCOLS: readonly PortProtocol[] = ["tcp", "udp", "sctp"];
const HIGHEST = 65535;

type Range = readonly [first: number, last: number];

/** Both a port and a range: `80`, `8000-8010`; null if the text is neither. */
function parseRange(text: string): Range | null {
  const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const range = [Number(first), Number(last)] as const;
  return range[0] <= range[1] && range[1] <= HIGHEST ? range : null;
}

function protocolOf(flag: string, text: string): PortProtocol {
  const found = PROTOCOLS.find((name) => name === text.toLowerCase());
  if (found) return found;
  throw new UsageError(
    `${flag}: invalid proto: ${text}`,
    `The protocols are ${PROTOCOLS.join(", ")}.`,
  );
}

const GRAMMAR = "Use [IP:][PORT:]CONTAINER_PORT[/tcp|udp|sctp].";

/**
 * Parses `[IP:][HOST]:CONTAINER[/PROTOCOL]`, or docker's
 * `target=80,published=8080,protocol=tcp`. A range is several ports.
 *
 * @throws {UsageError} in docker's words
 */
export function parsePublish(text: string): AskedPort[] {
  const flag = `--publish ${text}`;
  const { address, host, inside, protocol } = text.includes("=")
    ? longParts(flag, text)
    : shortParts(flag, text);
  if (inside === "") {
    throw new UsageError(`${flag}: no port specified`, GRAMMAR);
  }
  const ports = parseRange(inside);
  if (!ports || ports[0] === 0) {
    throw new UsageError(`${flag}: invalid containerPort: ${inside}`, GRAMMAR);
  }
  const [first, last] = ports;
  const hosts = host === "" ? [0, 0] as const : parseRange(host);
  if (!hosts || hosts[0] === 0 && hosts[1] !== 0) {
    throw new UsageError(`${flag}: invalid hostPort: ${host}`, GRAMMAR);
  }
  const isAny = hosts[0] === 0;
  if (first !== last && !isAny && last - first !== hosts[1] - hosts[0]) {
    throw new UsageError(
      `${flag}: invalid ranges specified for container and host Ports: ${inside} and ${host}`,
      "Both ranges need the same length.",
    );
  }
  const made = {
    protocol: protocolOf(flag, protocol),
    hostAddress: addressOf(flag, address),
  };
  return Array.from({ length: last - first + 1 }, (_, index) => ({
    ...made,
    // A range of the host for one port is the choice for that.
    host: isAny || first === last
      ? hosts
      : [hosts[0] + index, hosts[0] + index] as const,
    port: first + index,
  }));
}

interface Parts {
  address: string;
  host: string;
  inside: string;
  protocol: string;
}

function shortParts(flag: string, text: string): Parts {
  const [rest = "", protocol = "tcp", ...more] = text.split("/");
  if (more.length || protocol === "") {
    throw new UsageError(`${flag}: invalid proto: ${more.join("/")}`, GRAMMAR);
  }
  const words = rest.split(":");
  const inside = words.pop() ?? "";
  const host = words.pop() ?? "";
  return { address: words.join(":"), host, inside, protocol };
}

function longParts(flag: string, text: string): Parts {
  const parts: Parts = { address: "", host: "", inside: "", protocol: "tcp" };
  for (const pair of text.split(",")) {
    const [key, value = ""] = pair.split(/=(.*)/s);
    if (key === "target") parts.inside = value;
    else if (key === "published") parts.host = value;
    else if (key === "protocol") parts.protocol = value;
    else if (key !== "mode" || !["host", "ingress"].includes(value)) {
      throw new UsageError(
        `${flag}: invalid field ${pair}`,
        "The fields are target, published, protocol and mode.",
      );
    }
  }
  return parts;
}

function addressOf(flag: string, text: string): string {
  if (text === "" || addressNumber(text) !== null) return text;
  const [, bracketed] = /^\[(.*)\]$/.exec(text) ?? [];
  const bytes = ipv6Bytes(bracketed ?? text);
  if (bytes) return ipv6Text(bytes);
  throw new UsageError(
    `${flag}: invalid IP address: ${text}`,
    "Use an address of the host, IPv6 in brackets: [::1]:8080:80.",
  );
}

/** The 16 bytes of an IPv6 address without a zone; null if the text is none. */
export function ipv6Bytes(text: string): Uint8Array | null {
  if (!/^[0-9a-fA-F:.]+$/.test(text) || !text.includes(":")) return null;
  try {
    // The parser of URLs writes the shortest form: no zone, no dotted end.
    const { hostname } = new URL(`http://[${text}]/`);
    const [front = "", back] = hostname.slice(1, -1).split("::");
    const groups = (part: string) => part ? part.split(":") : [];
    const [head, tail] = [groups(front), groups(back ?? "")];
    const zeros = Array<string>(8 - head.length - tail.length).fill("0");
    return new Uint8Array(
      [...head, ...zeros, ...tail].flatMap((group) => {
        const number = parseInt(group, 16);
        return [number >> 8, number & 0xff];
      }),
    );
  } catch {
    return null;
  }
}

/** The shortest text of an IPv6 address. */
export const ipv6Text = (bytes: Uint8Array): string => {
  const groups = Array.from(
    { length: 8 },
    (_, index) => (bytes[2 * index]! << 8 | bytes[2 * index + 1]!).toString(16),
  );
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
};

/** Whether an address is one of IPv6. */
export const isIpv6 = (address: string): boolean => address.includes(":");

/** Whether an address is one that only this machine reaches. */
export const isLoopback = (address: string): boolean =>
  address.startsWith("127.") || address === "::1";

/**
 * Parses `80`, `53/udp` or `8000-8010/tcp` of `--expose` or an image.
 *
 * @returns each as `PORT/PROTOCOL`
 * @throws {UsageError} in docker's words
 */
export function parseExpose(text: string, flag = `--expose ${text}`): string[] {
  const [ports = "", protocol = "tcp"] = text.split(/\/(.*)/s);
  const range = parseRange(ports);
  if (!range || range[0] === 0) {
    throw new UsageError(
      `${flag}: invalid range format for --expose: ${text}`,
      "Use PORT[-PORT][/tcp|udp|sctp].",
    );
  }
  const name = protocolOf(flag, protocol);
  return Array.from(
    { length: range[1] - range[0] + 1 },
    (_, index) => `${range[0] + index}/${name}`,
  );
}

/** How docker writes a port of the container: `80/tcp`. */
export const insideText = (
  { port, protocol }: Pick<AskedPort, "port" | "protocol">,
): string => `${port}/${protocol}`;

/** How an address and a port are written: `0.0.0.0:80`, `[::1]:80`. */
export const bindingText = (address: string, port: number | string): string =>
  `${isIpv6(address) ? `[${address}]` : address || "0.0.0.0"}:${port}`;

/**
 * Refuses two ports of which only one can be had.
 *
 * @throws {UsageError}
 */
export function refuseTwice(ports: readonly AskedPort[]): void {
  const seen = new Map<string, Set<string>>();
  for (const { protocol, hostAddress, host: [first, last] } of ports) {
    // Of a range, or of all, another one can be chosen.
    if (first === 0 || first !== last) continue;
    const key = `${first}/${protocol}`;
    const others = seen.get(key) ?? new Set();
    seen.set(key, others);
    if ([...others].some((other) => overlap(other, hostAddress))) {
      throw new UsageError(
        `--publish: ${bindingText(hostAddress, key)} is published twice`,
        "Remove one of them, or choose another port of the host.",
      );
    }
    others.add(hostAddress);
  }
}

/** Whether two addresses of the host have one in common. */
function overlap(one: string, other: string): boolean {
  if (one === other || one === "" || other === "") return true;
  return isIpv6(one) === isIpv6(other) &&
    [one, other].some((address) => address === "0.0.0.0" || address === "::");
}

/** Adds `-P`: every exposed port that is not published gets a free port. */
export function withAll(
  published: readonly AskedPort[],
  exposed: readonly string[],
): AskedPort[] {
  const given = new Set(published.map(insideText));
  return [
    ...published,
    ...exposed.filter((text) => !given.has(text)).map((text): AskedPort => {
      const [port, protocol] = text.split("/");
      return {
        protocol: protocol as PortProtocol,
        hostAddress: "",
        host: [0, 0],
        port: Number(port),
      };
    }),
  ];
}

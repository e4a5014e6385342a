/** `container network create`. */

import {
  addressNumber,
  networkOf,
  parseSubnet,
} from "../../network/address.ts";
import {
  addressNumber6,
  addressOfNumber6,
  parseSubnet6,
} from "../../network/address6.ts";
import type { Subnet } from "../../plan/network.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Command } from "../command.ts";
import { type Flag, type Flags, parseFlagsAndNames } from "../flags.ts";
import { print } from "../output.ts";
import { parseNameserver } from "../process_values.ts";
import { openNetworks, requireRoot, usedByHost } from "./open.ts";

const FLAGS: readonly Flag[] = [
  {
    name: "driver",
    short: "d",
    value: "DRIVER",
    help: "bridge (the only driver yet)",
  },
  {
    name: "subnet",
    value: "SUBNET",
    help: "The addresses, e.g. 10.9.0.0/24; repeat it for IPv6",
  },
  {
    name: "gateway",
    value: "ADDRESS",
    help: "The host's address in it (default: the first)",
  },
  {
    name: "ip-range",
    value: "SUBNET",
    help: "Take the addresses of containers from this part",
  },
  {
    name: "ipv6",
    help: "Also IPv6, with a local network or a second --subnet",
  },
  { name: "internal", help: "Its containers reach nothing outside of it" },
  {
    name: "opt",
    short: "o",
    value: "KEY=VALUE",
    help: "mtu, or com.docker.network.bridge.name and others; repeatable",
  },
  {
    name: "dns",
    value: "IP",
    help: "A name server of its containers; repeatable",
  },
  { name: "label", value: "KEY[=VALUE]", help: "A label; repeatable" },
  { name: "attachable", help: "Accepted: every network is" },
];

/** What options set; docker's names, and podman's short ones. */
interface Settings {
  bridge?: string;
  icc: boolean;
  masquerade: boolean;
  mtu?: number;
}

const DOCKERS = "com.docker.network.";

const OPTIONS: Readonly<
  Record<string, (settings: Settings, value: string, key: string) => void>
> = {
  [`${DOCKERS}bridge.name`]: (settings, value) => {
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}$/.test(value)) {
      throw new UsageError(
        `--opt ${DOCKERS}bridge.name=${value}: not a name of a network device`,
        "Use at most 15 letters, digits, and _ . -",
      );
    }
    settings.bridge = value;
  },
  [`${DOCKERS}bridge.enable_icc`]: (settings, value, key) => {
    settings.icc = parseSwitch(key, value);
  },
  [`${DOCKERS}bridge.enable_ip_masquerade`]: (settings, value, key) => {
    settings.masquerade = parseSwitch(key, value);
  },
  [`${DOCKERS}driver.mtu`]: setMtu,
  mtu: setMtu,
};

/** The smallest packet that IPv4 demands, and the largest that Ethernet takes. */
const MTU_RANGE = [68, 65535] as const;

function setMtu(settings: Settings, value: string, key: string): void {
  const number = Number(value);
  const [least, most] = MTU_RANGE;
  if (!/^\d+$/.test(value) || number < least || number > most) {
    throw new UsageError(
      `--opt ${key}=${value}: not a number from ${least} to ${most}`,
    );
  }
  settings.mtu = number;
}

function parseSwitch(key: string, value: string): boolean {
  if (["true", "1"].includes(value)) return true;
  if (["false", "0"].includes(value)) return false;
  throw new UsageError(`--opt ${key}=${value}: expected true or false`);
}

/** Creates a network. Its bridge is made with its first container. */
export const networkCreateCommand: Command = {
  name: "network create",
  summary: "Create a network",
  usage: "[flags] NAME",
  flags: FLAGS,
  examples: [
    ["sudo container network create blue", "with a free subnet"],
    [
      "sudo container network create --subnet 10.9.0.0/24 blue",
      "with these addresses",
    ],
    ["sudo container network create --internal db", "without a way out"],
  ],
  execute(argv) {
    const flags = parseFlagsAndNames(FLAGS, argv, "container network create");
    const [name, ...more] = flags.rest;
    if (name === undefined || more.length) {
      throw new UsageError(
        "container network create takes one name",
        "Example: container network create blue.",
      );
    }
    checkDriver(flags.last("driver") ?? "bridge");
    const options = pairs(flags, "opt");
    const settings: Settings = { icc: true, masquerade: true };
    for (const [key, value] of Object.entries(options)) {
      if (!Object.hasOwn(OPTIONS, key)) {
        throw new UsageError(
          `--opt ${key}: unknown option`,
          `The options are ${Object.keys(OPTIONS).join(", ")}.`,
        );
      }
      OPTIONS[key]!(settings, value, key);
    }
    const servers = flags.all("dns").map(parseNameserver);
    const [subnet, subnet6] = byFamily(flags, "subnet", parseSubnets);
    const range = subnetOf(flags, "ip-range");
    const [gateway, gateway6] = byFamily(flags, "gateway", parseGateways);
    if (gateway6 !== undefined && !subnet6) {
      throw new UsageError(
        `--gateway ${gateway6} requires an IPv6 --subnet`,
        "Example: --ipv6 --subnet fd00:9::/64 --gateway fd00:9::1.",
      );
    }
    for (const [flag, value] of [["gateway", gateway], ["ip-range", range]]) {
      if (value === undefined || subnet) continue;
      throw new UsageError(
        `--${flag} requires --subnet`,
        "Example: --subnet 10.9.0.0/24 --gateway 10.9.0.1.",
      );
    }
    requireRoot(`create the network ${name}`);
    const networks = openNetworks();
    const record = networks.create({
      name,
      ...settings,
      internal: flags.has("internal"),
      labels: pairs(flags, "label"),
      options,
      ...servers.length ? { dns: servers } : {},
      ...flags.has("ipv6") || subnet6
        ? {
          ipv6: {
            ...subnet6 ? { subnet: subnet6 } : {},
            ...gateway6 === undefined ? {} : { gateway: gateway6 },
          },
        }
        : {},
      ...subnet ? { subnet } : {},
      ...range ? { range } : {},
      ...gateway === undefined ? {} : { gateway },
    }, usedByHost(networks));
    print(record.id);
    return 0;
  },
};

function checkDriver(driver: string): void {
  if (driver === "bridge") return;
  throw new UsageError(
    `--driver ${driver}: the only driver yet is bridge`,
    "Remove --driver.",
  );
}

function subnetOf(flags: Flags, name: string): Subnet | undefined {
  const text = flags.last(name);
  if (text === undefined) return undefined;
  const parsed = parseSubnet(text);
  if (parsed) return networkOf(parsed);
  throw new UsageError(
    `--${name} ${text}: not an IPv4 network`,
    "Example: 10.9.0.0/24.",
  );
}

/** What a text is in IPv4, and in IPv6. */
type Families<T> = (text: string) => [T | null, T | null];

const parseSubnets: Families<Subnet> = (text) => {
  const subnet = parseSubnet(text);
  return [subnet && networkOf(subnet), parseSubnet6(text)];
};

const parseGateways: Families<string> = (text) => {
  const number = addressNumber6(text);
  return [
    addressNumber(text) === null ? null : text,
    number === null ? null : addressOfNumber6(number),
  ];
};

/** The values of a flag that may be given once for each family. */
function byFamily<T>(
  flags: Flags,
  name: string,
  parse: Families<T>,
): [T | undefined, T | undefined] {
  const found: [T | undefined, T | undefined] = [undefined, undefined];
  for (const text of flags.all(name)) {
    const parsed = parse(text);
    const family = parsed[0] === null ? 1 : 0;
    const value = parsed[family];
    if (value === null) {
      throw new UsageError(
        `--${name} ${text}: not an IPv4 or IPv6 ${
          name === "subnet" ? "network" : "address"
        }`,
        "Example: --subnet 10.9.0.0/24 --subnet fd00:9::/64.",
      );
    }
    if (found[family] !== undefined) {
      throw new UsageError(
        `--${name} is given twice for IPv${family ? 6 : 4}`,
        "A network has one subnet of each family.",
      );
    }
    found[family] = value;
  }
  return found;
}

/** The values of a flag KEY=VALUE. */
const pairs = (flags: Flags, name: string): Record<string, string> =>
  Object.fromEntries(
    flags.all(name).map((text) => {
      const at = text.indexOf("=");
      return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
    }),
  );

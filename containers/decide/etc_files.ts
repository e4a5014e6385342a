/**
 * Decides the content of a container's /etc/hostname, /etc/hosts and
 * /etc/resolv.conf. They become mounts of memory files over those of the root
 * filesystem. Only reads and decides; changes nothing. Runs on the host.
 *
 * By default only files that exist are covered, so that the root filesystem
 * does not get new, empty files as mountpoints. With `--add-host` or `--dns`
 * the file is always there.
 */

import { DNS_ADDRESS } from "../../plan/way_out.ts";
import { MEMORY_FILE } from "../../plan/mounts/memory_files.ts";
import { hasNamespace } from "../../plan/namespaces.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Mount, Spec } from "../../spec/types.ts";
import type { LayeredFile, OpenDirectory, World } from "../world/world.ts";
import type { ContainerOptions } from "./options.ts";
import { RESOLVER_ADDRESS } from "../../plan/resolver.ts";
import { isNamed } from "./networks/join_networks.ts";
import { missingOnHost } from "./fit_mounts.ts";
import { orNull, type Requester } from "./requester.ts";
import { EMPTY_ROOTFS } from "./root_filesystem.ts";

/** The word of `--add-host` for the address of the host. */
export const HOST_GATEWAY = "host-gateway";

const LOCAL = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
`;

/**
 * One of the files: its text, and the flag that requests it, if there is one.
 */
interface EtcFile {
  path: string;
  text: string | null;
  flag: string | null;
}

/** /etc/hosts of a container in networks: a file on the host. */
export interface OwnHosts {
  mount: Mount;
  /** Its lines that do not depend on networks, if it is used. */
  text?: string;
}

/**
 * The mounts of the files. There is none for a path that a mount of the user
 * covers.
 *
 * @throws {UsageError} if a flag requests a file that the user mounts as well,
 * or that would have to be created in a directory of the host
 */
export function etcFiles(
  options: ContainerOptions,
  spec: Spec,
  rootfs: string | Readonly<Record<string, LayeredFile | null>>,
  requester: Requester,
  ownHosts?: OwnHosts,
): Mount[] {
  const { world } = requester;
  const files = [
    hostnameFile(spec),
    hostsFile(options, spec, world),
    resolvFile(options, spec, world),
  ];
  const layered = typeof rootfs === "string" ? null : rootfs;
  using root = typeof rootfs === "string" ? openRoot(rootfs, world) : null;
  return files.flatMap(({ path, text, flag }): Mount[] => {
    const shared = options.sharedNetwork?.files?.[path];
    if (text === null && !shared) return [];
    if (covered(path, flag, options, requester)) return [];
    if (!flag && options.defaultMounts === false) return [];
    // A missing file is made among the container's own changes of an image.
    const isGood = layered
      ? (layered[path]?.type ?? "file") === "file"
      : root && isThere(root, path);
    if (!flag && !isGood) return [];
    if (shared) return [sharedFile(shared, path, spec)];
    if (text === null) return [];
    if (ownHosts && path === "/etc/hosts") {
      ownHosts.text = text;
      return [{
        ...ownHosts.mount,
        destination: flag && root ? followed(root, path) : path,
      }];
    }
    return [{
      destination: flag && root ? followed(root, path) : path,
      type: MEMORY_FILE,
      source: text,
      options: [
        "nosuid",
        "nodev",
        "noexec",
        ...(spec.root.readonly ? ["ro"] : []),
      ],
    }];
  });
}

/** The file of the container whose network is shared. */
const sharedFile = (mount: Mount, path: string, { root }: Spec): Mount => ({
  ...mount,
  destination: path,
  options: [
    ...(mount.options ?? []).filter((option) => option !== "ro"),
    ...(root.readonly ? ["ro"] : []),
  ],
});

function hostnameFile({ hostname }: Spec): EtcFile {
  const text = hostname === undefined ? null : `${hostname}\n`;
  return { path: "/etc/hostname", text, flag: null };
}

/** The names of a container in hosts(5): with its domain, and without. */
export const ownNames = (
  { hostname, domainname }: Pick<Spec, "hostname" | "domainname">,
): string[] =>
  [
    ...(domainname ? [`${hostname}.${domainname}`] : []),
    hostname ?? "",
  ].filter(isName);

/** Whether hosts(5) can contain this name. */
const isName = (name: string) => /^[^\s#]+$/.test(name);

/**
 * /etc/hosts. It starts with the host's own if the network is the host's, else
 * with loopback. The container's name follows.
 */
function hostsFile(
  options: ContainerOptions,
  spec: Spec,
  world: World,
): EtcFile {
  const { addHosts = [], networks } = options;
  const { domainname } = spec;
  const hostname = spec.hostname ??
    (hasNamespace(spec, "uts") ? "" : world.hostname());
  const base = hasNamespace(spec, "network")
    ? LOCAL
    : orNull(() => world.readText("/etc/hosts")) ?? LOCAL;
  // In networks, the names belong to the container's addresses.
  const names = networks ? [] : ownNames({ hostname, domainname });
  const lines = [
    ...(names.length ? [`127.0.0.1\t${names.join(" ")}`] : []),
    ...addHosts.map(({ name, address }) =>
      `${
        address === HOST_GATEWAY ? hostGateway(name, options, spec) : address
      }\t${name}`
    ),
  ];
  return {
    path: "/etc/hosts",
    text: `${base}${base.endsWith("\n") ? "" : "\n"}${
      lines.map((line) => `${line}\n`).join("")
    }`,
    flag: addHosts.length ? "--add-host" : null,
  };
}

/**
 * The address by which the container reaches the host.
 *
 * @throws {UsageError} if it has no way to it
 */
function hostGateway(
  name: string,
  { networks }: ContainerOptions,
  spec: Spec,
): string {
  if (!hasNamespace(spec, "network")) return "127.0.0.1";
  const places = networks?.places ?? [];
  const { network } = places.find(({ network }) => !network.internal) ??
    places[0] ?? {};
  if (network) return network.gateway;
  throw new UsageError(
    `--add-host ${name}:${HOST_GATEWAY}: the container has no network that reaches the host`,
    "Choose one with --network.",
  );
}

/**
 * /etc/resolv.conf: the host's if the network is the host's. Flags replace the
 * lines of their kind.
 */
function resolvFile(
  { dns = {}, networks, wayOut }: ContainerOptions,
  spec: Spec,
  world: World,
): EtcFile {
  const { search = [], options = [] } = dns;
  const servers = dns.servers?.length
    ? dns.servers
    : wayOut
    ? serversBehind(wayOut, world)
    : serversOf(networks);
  const flag = dns.servers?.length
    ? "--dns"
    : search.length
    ? "--dns-search"
    : options.length
    ? "--dns-option"
    : null;
  const path = "/etc/resolv.conf";
  if (networks && isNamed(networks)) {
    return {
      path,
      text: ownResolver({ servers, search, options }, world),
      flag,
    };
  }
  const host = networks || wayOut
    ? reachable(world)
    : hasNamespace(spec, "network")
    ? null
    : orNull(() => world.readText(path));
  if (!flag && !servers.length) return { path, text: host, flag };
  const kept = (host ?? "").split("\n").filter((line) =>
    /^nameserver\s/.test(line) && !servers.length ||
    /^(search|domain)\s/.test(line) && !search.length ||
    /^options\s/.test(line) && !options.length
  );
  // `--dns-search .` means no search list at all, as with docker.
  const searched = search.filter((domain) => domain !== ".");
  const lines = [
    ...kept,
    ...servers.map((address) => `nameserver ${address}`),
    ...(searched.length ? [`search ${searched.join(" ")}`] : []),
    ...(options.length ? [`options ${options.join(" ")}`] : []),
  ];
  return { path, text: lines.map((line) => `${line}\n`).join(""), flag };
}

/** The servers of the networks, `network create --dns`. */
const serversOf = (networks: ContainerOptions["networks"]): string[] => [
  ...new Set(
    networks?.places.flatMap(({ network }) => network.dns ?? []) ?? [],
  ),
];

/** The way out's own server, which asks the host's, and then those. */
const serversBehind = (
  { program }: NonNullable<ContainerOptions["wayOut"]>,
  world: World,
): string[] => [
  DNS_ADDRESS[program],
  ...[...(reachable(world) ?? "").matchAll(/^nameserver\s+(\d[\d.]*)\s*$/gm)]
    .map(([, address = ""]) => address).slice(0, MOST_SERVERS - 1),
];

/** What resolv.conf(5) allows. */
const MOST_SERVERS = 3;

/**
 * The servers that the resolver asks for a container: those of `--dns`, of its
 * networks, or else the host's. It asks from the host, and reaches those on loopback too.
 */
export function askedServers(
  { dns: { servers = [] } = {}, networks }: ContainerOptions,
  world: World,
): readonly string[] {
  if (servers.length) return servers;
  const own = serversOf(networks);
  if (own.length) return own;
  const host = orNull(() => world.readText("/etc/resolv.conf")) ?? "";
  return [...host.matchAll(/^nameserver\s+(\S+)/gm)].map(([, server = ""]) =>
    server
  );
}

/** The lines of resolv.conf(5) for the resolver; `ndots` as with docker. */
function ownResolver(
  { search = [], options = [] }: NonNullable<ContainerOptions["dns"]>,
  world: World,
): string {
  const host = orNull(() => world.readText("/etc/resolv.conf")) ?? "";
  const kept = host.split("\n").filter((line) =>
    /^(search|domain)\s/.test(line) && !search.length ||
    /^options\s/.test(line) && !options.length
  );
  const searched = search.filter((domain) => domain !== ".");
  const isSet = /\bndots:/.test([...kept, ...options].join(" "));
  const all = [...options, ...isSet ? [] : ["ndots:0"]];
  return [
    `nameserver ${RESOLVER_ADDRESS}`,
    ...kept,
    ...(searched.length ? [`search ${searched.join(" ")}`] : []),
    ...(all.length ? [`options ${all.join(" ")}`] : []),
  ].map((line) => `${line}\n`).join("");
}

/** A server on the host's loopback, which a container cannot reach. */
const LOOPBACK_SERVER = /^nameserver\s+(127\.|::1\b)/;
/** What systemd-resolved itself asks, where /etc/resolv.conf names 127.0.0.53. */
const BEHIND_RESOLVED = "/run/systemd/resolve/resolv.conf";

/** The host's resolv.conf, with servers that a container in a network can reach. */
function reachable(world: World): string | null {
  const lines = (path: string) =>
    (orNull(() => world.readText(path)) ?? "").split("\n").filter(Boolean);
  const own = lines("/etc/resolv.conf");
  const behind = own.some((line) => LOOPBACK_SERVER.test(line))
    ? lines(BEHIND_RESOLVED)
    : [];
  const kept = (behind.length ? behind : own)
    .filter((line) => !LOOPBACK_SERVER.test(line));
  return kept.length ? kept.map((line) => `${line}\n`).join("") : null;
}

/**
 * Whether the user's own mounts cover the path. Nothing is mounted over them
 * unless a flag requests it.
 */
function covered(
  path: string,
  flag: string | null,
  { mounts = [] }: ContainerOptions,
  requester: Requester,
): boolean {
  const same = mounts.some(({ destination }) => destination === path);
  if (same && flag) {
    throw new UsageError(
      `${flag}: another mount is already at ${path}`,
      `Add it to the mounted file, or remove that mount.`,
    );
  }
  const place = flag ? missingOnHost(mounts, path, requester) : null;
  if (place !== null) {
    throw new UsageError(
      `${flag}: cannot mount ${path}: a volume is there, and the host has no ${place}`,
      "Create it as an empty file, or write the lines into it yourself.",
    );
  }
  return same ||
    !flag &&
      mounts.some(({ destination, type }) =>
        type !== "symlink" && type !== "directory" &&
        `${path}/`.startsWith(`${destination.replace(/\/+$/, "")}/`)
      );
}

/**
 * Null if there is no root filesystem: a plan can be shown before there is one.
 */
function openRoot(rootfs: string, world: World): OpenDirectory | null {
  if (rootfs === EMPTY_ROOTFS) return null;
  return orNull(() => world.openDirectory(rootfs));
}

const isThere = (root: OpenDirectory, path: string) =>
  orNull(() => root.stat(path))?.type === "file";

/**
 * The path itself, or the target of a link that is broken inside. systemd's
 * resolv.conf is a broken link wherever its service does not run.
 */
function followed(root: OpenDirectory, path: string): string {
  if (isThere(root, path)) return path;
  const to = orNull(() => root.readLink(path));
  return to === null ? path : new URL(to, "file:///etc/").pathname;
}

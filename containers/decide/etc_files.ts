/**
 * /etc/hostname, /etc/hosts and /etc/resolv.conf of a container: texts that are
 * mounted from memory over the root filesystem's own. Runs on the host; reads
 * and changes nothing.
 *
 * Unasked they cover what is there, so that a root filesystem gets no file for
 * the sake of a name. Asked for (`--add-host`, `--dns`) they are there.
 */

import { type Descriptor, O, open } from "../../ffi/fcntl.ts";
import { openInRoot } from "../../ffi/openat2.ts";
import { MEMORY_FILE } from "../../plan/mounts/memory_files.ts";
import { hasNamespace } from "../../plan/namespaces.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Mount, Spec } from "../../spec/types.ts";
import type { ContainerOptions } from "./options.ts";
import { EMPTY_ROOTFS } from "./root_filesystem.ts";

const LOCAL = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
`;

/** One of the files: its text, and the flag that asks for it, if one does. */
interface EtcFile {
  path: string;
  text: string | null;
  flag: string | null;
}

/** The mounts that make the files; none for what a mount of the user's covers. */
export function etcFiles(
  options: ContainerOptions,
  spec: Spec,
  rootfs: string,
): Mount[] {
  const files = [
    hostnameFile(spec),
    hostsFile(options, spec),
    resolvFile(
      options,
      spec,
    ),
  ];
  using root = openRoot(rootfs);
  return files.flatMap(({ path, text, flag }): Mount[] => {
    if (text === null || covered(path, flag, options)) return [];
    if (!flag && options.defaultMounts === false) return [];
    if (!flag && !(root && isThere(root, path))) return [];
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

function hostnameFile({ hostname }: Spec): EtcFile {
  const text = hostname === undefined ? null : `${hostname}\n`;
  return { path: "/etc/hostname", text, flag: null };
}

/** What can stand in hosts(5). */
const isName = (name: string) => /^[^\s#]+$/.test(name);

/** With the host's network, the host's own table; else loopback and the container's name. */
function hostsFile(
  { addHosts = [] }: ContainerOptions,
  spec: Spec,
): EtcFile {
  const { domainname } = spec;
  const hostname = spec.hostname ??
    (hasNamespace(spec, "uts") ? "" : Deno.hostname());
  const base = hasNamespace(spec, "network")
    ? LOCAL
    : read("/etc/hosts") ?? LOCAL;
  const names = [
    ...(domainname ? [`${hostname}.${domainname}`] : []),
    hostname,
  ].filter(isName);
  const lines = [
    ...(names.length ? [`127.0.0.1\t${names.join(" ")}`] : []),
    ...addHosts.map(({ name, address }) => `${address}\t${name}`),
  ];
  return {
    path: "/etc/hosts",
    text: `${base}${base.endsWith("\n") ? "" : "\n"}${lines.join("\n")}\n`,
    flag: addHosts.length ? "--add-host" : null,
  };
}

/** With the host's network, the host's name servers; else none but what is asked for. */
function resolvFile({ dns = {} }: ContainerOptions, spec: Spec): EtcFile {
  const { servers = [], search = [], options = [] } = dns;
  const flag = servers.length
    ? "--dns"
    : search.length
    ? "--dns-search"
    : options.length
    ? "--dns-option"
    : null;
  const path = "/etc/resolv.conf";
  const host = hasNamespace(spec, "network") ? null : read(path);
  if (!flag) return { path, text: host, flag };
  const kept = (host ?? "").split("\n").filter((line) =>
    /^nameserver\s/.test(line) && !servers.length ||
    /^(search|domain)\s/.test(line) && !search.length ||
    /^options\s/.test(line) && !options.length
  );
  // One point asks for no search at all, as docker has it.
  const searched = search.filter((domain) => domain !== ".");
  const lines = [
    ...kept,
    ...servers.map((address) => `nameserver ${address}`),
    ...(searched.length ? [`search ${searched.join(" ")}`] : []),
    ...(options.length ? [`options ${options.join(" ")}`] : []),
  ];
  return { path, text: lines.map((line) => `${line}\n`).join(""), flag };
}

function read(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return null;
  }
}

/** A mount of the user's is the user's: nothing goes over it unasked. */
function covered(
  path: string,
  flag: string | null,
  { mounts = [] }: ContainerOptions,
): boolean {
  const same = mounts.some(({ destination }) => destination === path);
  if (same && flag) {
    throw new UsageError(
      `${flag}: ${path} is mounted already`,
      `Write it into the file that is mounted there, or leave out that mount.`,
    );
  }
  return same ||
    !flag &&
      mounts.some(({ destination, type }) =>
        type !== "symlink" && type !== "directory" &&
        `${path}/`.startsWith(`${destination.replace(/\/+$/, "")}/`)
      );
}

/** A plan can be shown before there is a root filesystem. */
function openRoot(rootfs: string): Descriptor | null {
  if (rootfs === EMPTY_ROOTFS) return null;
  try {
    return open(rootfs, O.O_PATH | O.O_DIRECTORY);
  } catch {
    return null;
  }
}

function isThere(root: Descriptor, path: string): boolean {
  try {
    using file = openInRoot(root, path, O.O_PATH);
    return file !== null &&
      Deno.statSync(`/proc/self/fd/${file.fd}`).isFile;
  } catch {
    return false;
  }
}

/**
 * The path itself, or where a link leads that leads nowhere yet: systemd's
 * resolv.conf is such a one wherever its service does not run.
 */
function followed(root: Descriptor, path: string): string {
  if (isThere(root, path)) return path;
  try {
    using directory = openInRoot(root, "/etc", O.O_PATH | O.O_DIRECTORY);
    if (!directory) return path;
    const to = Deno.readLinkSync(
      path.replace("/etc", `/proc/self/fd/${directory.fd}`),
    );
    return new URL(to, "file:///etc/").pathname;
  } catch {
    return path;
  }
}

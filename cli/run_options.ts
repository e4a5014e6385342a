/** Converts the flags of `run` to the options of a container. */

import { parseMapping } from "../containers/decide/id_ranges.ts";
import type {
  ContainerOptions,
  NamespaceMode,
} from "../containers/decide/options.ts";
import type { Requester } from "../containers/decide/requester.ts";
import { deviceLookup } from "../cgroup/devices.ts";
import { UsageError } from "../spec/errors.ts";
import { isCgroupPath } from "../spec/resources.ts";
import {
  parseDevice,
  parseResources,
  parseSize,
} from "../spec/resource_flags.ts";
import { cgroupUse } from "./oci/cgroup_use.ts";
import { readEnvFile } from "./env_file.ts";
import type { Flags } from "./flags.ts";
import {
  parseAddHost,
  parseDomainname,
  parseLandlock,
  parseNameserver,
  parsePersonality,
  parseResolverWord,
  parseStreams,
  parseTimeOffsets,
} from "./process_values.ts";
import {
  parseBind,
  parseCpus,
  parseDirectory,
  parseFile,
  parseMode,
  parseMount,
  parseNumber,
  parsePair,
  parseSymlink,
  parseTmpfs,
  parseUlimit,
  parseVolume,
  pathExists,
} from "./run_values.ts";

/** The longest hostname, uname(2). */
const HOST_NAME_MAX = 64;
const MAX_PRESERVED = 20;

/**
 * The options that the flags and the command describe.
 *
 * @throws {UsageError} for a missing command or a wrong value
 */
export function optionsFromFlags(
  flags: Flags,
  requester: Requester,
): ContainerOptions {
  const [command] = flags.rest;
  if (command === undefined || command === "") {
    throw new UsageError(
      "No command to run",
      "Example: container run /bin/sh.",
    );
  }
  const number = (name: string, range: readonly [number, number]) => {
    const text = flags.last(name);
    return text === undefined ? undefined : parseNumber(name, text, range);
  };
  const cpus = flags.last("cpu");
  const umask = flags.last("umask");
  const shmSize = flags.last("shm-size");
  return {
    command: [...flags.rest],
    rootfs: flags.last("rootfs"),
    env: environment(flags, requester),
    hostEnv: flags.has("env-host"),
    workdir: workdir(flags.last("workdir") ?? "/"),
    hostname: hostname(flags.last("hostname")),
    ...names(flags),
    devices: flags.all("device").map(parseDevice),
    shmSize: shmSize === undefined ? undefined : parseSize("shm-size", shmSize),
    personality: parsePersonality(flags.last("personality")),
    timeOffsets: timeOffsets(flags),
    user: flags.last("user"),
    groups: flags.all("group-add"),
    namespaces: namespaces(flags),
    userNamespace: userNamespace(flags.last("userns")),
    uidMap: maps(flags, "uidmap"),
    gidMap: maps(flags, "gidmap"),
    mounts: mounts(flags, requester),
    readonly: flags.last("read-only") === undefined
      ? undefined
      : flags.has("read-only"),
    ephemeral: flags.has("ephemeral"),
    overlay: flags.last("overlay"),
    capabilities: { add: flags.all("cap-add"), drop: flags.all("cap-drop") },
    privileged: flags.has("privileged"),
    noNewPrivileges: flags.last("no-new-privs") === undefined
      ? undefined
      : flags.has("no-new-privs"),
    seccomp: flags.last("seccomp"),
    landlock: parseLandlock(flags.all("landlock")),
    apparmor: flags.last("apparmor"),
    selinux: flags.last("selinux"),
    rlimits: flags.all("ulimit").map(parseUlimit),
    umask: umask === undefined ? undefined : parseMode("umask", umask),
    oomScoreAdj: number("oom-score-adj", [-1000, 1000]),
    nice: number("nice", [-20, 19]),
    cpus: cpus === undefined ? undefined : parseCpus(cpus),
    sysctls: Object.fromEntries(
      flags.all("sysctl").map((text) => parsePair("sysctl", text)!),
    ),
    resources: resources(flags, requester),
    ...(cgroupUse.disabled ? { cgroups: "disabled" as const } : {}),
    cgroupParent: cgroupParent(flags.last("cgroup-parent")),
    tty: tty(flags),
    streams: parseStreams(flags.last("streams")),
    preserveFds: number("preserve-fd", [0, MAX_PRESERVED]),
    init: !flags.has("no-init") && flags.last("init") !== "false",
    announce: !flags.has("quiet"),
    chroot: flags.has("chroot"),
  };
}

function resources(
  flags: Flags,
  { world }: Requester,
): ContainerOptions["resources"] {
  const text = (name: string) => flags.last(name);
  return parseResources({
    memory: text("memory"),
    "memory-swap": text("memory-swap"),
    "memory-reservation": text("memory-reservation"),
    cpus: text("cpus"),
    "memory-swappiness": text("memory-swappiness"),
    "oom-kill-disable": flags.has("oom-kill-disable"),
    "cpu-period": text("cpu-period"),
    "cpu-quota": text("cpu-quota"),
    "cpu-shares": text("cpu-shares"),
    "cpuset-cpus": text("cpuset-cpus"),
    "cpuset-mems": text("cpuset-mems"),
    "pids-limit": text("pids-limit"),
    "blkio-weight": text("blkio-weight"),
    "device-read-bps": flags.all("device-read-bps"),
    "device-write-bps": flags.all("device-write-bps"),
    "device-read-iops": flags.all("device-read-iops"),
    "device-write-iops": flags.all("device-write-iops"),
    hugetlb: flags.all("hugetlb"),
  }, deviceLookup(world));
}

/**
 * `--tty` and `--no-tty` are one switch; the last one counts. Undefined: the
 * streams decide.
 */
function tty(flags: Flags): boolean | undefined {
  const last = flags.given.findLast(([name]) =>
    name === "tty" || name === "no-tty"
  );
  if (!last) return undefined;
  const [name, value] = last;
  return (name === "tty") === (value !== "false");
}

function cgroupParent(path: string | undefined): string | undefined {
  if (path === undefined || isCgroupPath(path)) return path;
  throw new UsageError(
    `--cgroup-parent ${path}: not a cgroup path`,
    "Use a path below /sys/fs/cgroup, such as /containers.",
  );
}

/** The options for /etc/hosts and /etc/resolv.conf. */
function names(
  flags: Flags,
): Pick<ContainerOptions, "domainname" | "addHosts" | "dns"> {
  const domainname = flags.last("domainname");
  const words = (flag: string) =>
    flags.all(flag).map((text) => parseResolverWord(flag, text));
  return {
    domainname: domainname === undefined
      ? undefined
      : parseDomainname(domainname),
    addHosts: flags.all("add-host").map(parseAddHost),
    dns: {
      servers: flags.all("dns").map(parseNameserver),
      search: words("dns-search"),
      options: words("dns-option"),
    },
  };
}

function timeOffsets(flags: Flags): ContainerOptions["timeOffsets"] {
  const offsets = parseTimeOffsets(flags.all("time-offset"));
  const mode = flags.last("time");
  if (!offsets || mode === undefined || mode === "private") return offsets;
  throw new UsageError(
    `--time-offset with --time ${mode}: ${
      mode === "host"
        ? "host means the host's clocks"
        : "the offsets of an existing time namespace cannot be changed"
    }`,
    "Remove --time: --time-offset creates a time namespace.",
  );
}

function hostname(name: string | undefined): string | undefined {
  if (name === undefined) return name;
  const bytes = new TextEncoder().encode(name).length;
  if (bytes > 0 && bytes <= HOST_NAME_MAX && !name.includes("\0")) return name;
  throw new UsageError(
    `--hostname ${name}: a hostname has 1 to ${HOST_NAME_MAX} bytes`,
  );
}

function workdir(path: string): string {
  if (path.startsWith("/")) return path;
  throw new UsageError(
    `--workdir ${path}: the path is not absolute`,
    "Use a path inside the container that begins with a slash.",
  );
}

function environment(
  flags: Flags,
  requester: Requester,
): Record<string, string> {
  return Object.fromEntries([
    ...flags.all("env-file").flatMap((path) => readEnvFile(path, requester)),
    ...flags.all("env").flatMap((text) => {
      const pair = parsePair(
        "env",
        text,
        (key) => requester.world.variable(key),
      );
      return pair ? [pair] : [];
    }),
  ]);
}

/** The mounts of all flags, in the order given. */
function mounts(
  flags: Flags,
  requester: Requester,
): ContainerOptions["mounts"] {
  const bind = (name: string, value: string, ...options: string[]) =>
    parseBind(name, value, { options, requester });
  return flags.given.flatMap(([name, value]) => {
    if (name === "volume") return [parseVolume(value, requester)];
    if (name === "mount") return [parseMount(value, requester)];
    if (name === "tmpfs") return [parseTmpfs(value)];
    if (name === "bind") return [bind(name, value)];
    if (name === "ro-bind") return [bind(name, value, "ro")];
    if (name === "bind-try" || name === "ro-bind-try") {
      const exists = pathExists(value.split(":")[0] ?? "", requester);
      const options = name === "ro-bind-try" ? ["ro"] : [];
      return exists ? [bind(name, value, ...options)] : [];
    }
    if (name === "dir") return [parseDirectory(value)];
    if (name === "symlink") return [parseSymlink(value)];
    if (name === "file") return [parseFile(value, requester)];
    return [];
  });
}

function mode(flag: string, text: string): NamespaceMode {
  if (text === "host" || text === "private") return text;
  if (/^path:\/./.test(text)) return text as NamespaceMode;
  if (flag === "network") {
    // podman's word for it.
    if (/^ns:\/./.test(text)) return `path:${text.slice("ns:".length)}`;
    // The other container is looked up later.
    if (/^container:./.test(text)) return "private";
  }
  throw new UsageError(
    `--${flag} ${text}: not one of ${
      flag === "network" ? "none, a network, container:NAME" : "private"
    }, host and path:FILE`,
    modeHint(flag, text),
  );
}

/** Names below /proc/PID/ns that differ from the flag's name. */
const NAMESPACE_FILE: Record<string, string> = {
  network: "net",
  cgroupns: "cgroup",
  userns: "user",
};

/** A hint for modes of other programs. */
function modeHint(flag: string, text: string): string | undefined {
  if (/^(path|container|ns):/.test(text)) {
    const file = NAMESPACE_FILE[flag] ?? flag;
    return `To join an existing namespace, use its file: path:/proc/PID/ns/${file}.`;
  }
  if (flag === "network") {
    return "`container network ls` lists the networks; none has loopback only, host shares the host's network.";
  }
  return text === "shareable" || text === "none"
    ? `Use --${flag} private; other containers can join the namespace by its file.`
    : undefined;
}

/**
 * Whether a value of `--network` names a network, alone or as docker's
 * `name=NETWORK,alias=NAME`.
 */
export const isNetworkName = (text: string): boolean =>
  /^([a-zA-Z0-9][a-zA-Z0-9_.-]*|name=.*)$/s.test(text) &&
  !["none", "host", "private", "shareable"].includes(text) &&
  !isWayOutWord(text);

/** Whether a value of `--network` names a user's way out. */
export const isWayOutWord = (text: string | undefined): boolean =>
  /^(pasta|slirp4netns)(:|$)/.test(text ?? "");

/** Whether `--network` takes a word for every container. */
export const isNetworkWord = (text: string): boolean =>
  text === "none" || text === "host" || isNetworkName(text) ||
  isWayOutWord(text);

function namespaces(flags: Flags): ContainerOptions["namespaces"] {
  const modes: ContainerOptions["namespaces"] = {};
  for (const type of ["pid", "uts", "ipc", "time"] as const) {
    const text = flags.last(type);
    if (text !== undefined) modes[type] = mode(type, text);
  }
  const cgroup = flags.last("cgroupns");
  if (cgroup !== undefined) modes.cgroup = mode("cgroupns", cgroup);
  const networks = flags.all("network");
  const network = networks.at(-1);
  if (networks.length > 1 && !networks.every(isNetworkName)) {
    throw new UsageError(
      `--network ${
        networks.join(" --network ")
      }: conflicting options: cannot attach both user-defined and non-user-defined network-modes`,
      "Give one of them, or only names of networks.",
    );
  }
  if (network !== undefined) {
    modes.network = network === "none" || isNetworkName(network) ||
        isWayOutWord(network)
      ? "private"
      : mode("network", network);
  }
  return modes;
}

function userNamespace(
  text: string | undefined,
): ContainerOptions["userNamespace"] {
  if (text === undefined) return undefined;
  if (text === "true") return "private";
  return text === "auto" ? "auto" : mode("userns", text);
}

function maps(flags: Flags, name: "uidmap" | "gidmap") {
  const texts = flags.all(name);
  return texts.length
    ? texts.map((text) => parseMapping(`--${name}`, text))
    : undefined;
}

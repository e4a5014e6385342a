/**
 * Turns options into a Spec, considering this machine and the caller's rights.
 * Only reads and decides; changes nothing. Runs on the host, in the process the
 * user started.
 */

import {
  CAPABILITIES,
  capabilitySets,
  DEFAULT_CAPABILITIES,
} from "../../plan/process/capabilities.ts";
import { DEFAULT_HOSTNAME, defaultSpec } from "../../spec/defaults.ts";
import { fitCgroups } from "../../plan/mounts/cgroup_mounts.ts";
import { SpecError, UsageError } from "../../spec/errors.ts";
import { holderOfSysctl } from "../../spec/sysctls.ts";
import type { Resources } from "../../spec/resources.ts";
import type { Device, NamespaceType, Spec } from "../../spec/types.ts";
import type { LayeredFile, TerminalSize, World } from "../world/world.ts";
import type { Caller } from "./caller.ts";
import { environment } from "./environment.ts";
import { etcFiles, type OwnHosts } from "./etc_files.ts";
import { fitMounts, mergeMounts, withoutLabel } from "./fit_mounts.ts";
import {
  automaticIds,
  checkMaps,
  type IdMaps,
  mapsOfNamespace,
  OWN_USER_NAMESPACE,
  ownIds,
} from "./id_ranges.ts";
import { mappedMounts } from "./idmaps.ts";
import type { ContainerOptions, NamespaceMode } from "./options.ts";
import { orNull, type Requester } from "./requester.ts";
import { ownTerminal } from "./terminal.ts";
import { idsOf, type ResolvedUser } from "./users.ts";

/** What is known before the Spec is made. */
export interface SpecInputs {
  options: ContainerOptions;
  /** The absolute path of the root filesystem, or `empty`. */
  rootfs: string;
  /** Files in the layers of an image, if they are the root filesystem. */
  files?: Readonly<Record<string, LayeredFile | null>>;
  /** /etc/hosts of a container in networks. */
  ownHosts?: OwnHosts;
  /** The user of the command. */
  user: ResolvedUser;
  /** The devices that `options.devices` names. */
  devices?: Device[];
  /** The limits, with the rules of these devices. */
  resources?: Resources;
  /** The size of the container's terminal if the caller has none. */
  terminalSize?: TerminalSize;
}

/** The Spec, and decisions that a Spec cannot express. */
export interface Decisions {
  spec: Spec;
  /** newuidmap(1) has to write the id maps. */
  mapHelper: boolean;
  /** This program stays inside as PID 1. */
  init: boolean;
  /** What the container cannot have, one sentence each. */
  leftOut: string[];
}

/**
 * Makes the Spec from the options.
 *
 * @throws {UsageError} for options that contradict each other, {SpecError} for
 * what the caller or this machine cannot do
 */
export function specFrom(
  inputs: SpecInputs,
  requester: Requester,
): Decisions {
  const { options, rootfs, user, devices = [], resources, terminalSize } =
    inputs;
  const { caller, world, streams: [stdin = "inherit"] } = requester;
  const terminal = options.tty || stdin === "inherit" && world.isTerminal(0);
  const env = environment(options, user, terminal, world);
  const spec = defaultSpec({ rootfs, args: options.command, env });
  const leftOut: string[] = [];
  const { process, linux } = spec;
  spec.hostname = options.hostname ?? DEFAULT_HOSTNAME;
  spec.domainname = options.domainname;
  // The host's own tree is read-only by default, unless changes go elsewhere.
  spec.root.readonly = options.readonly ??
    (rootfs === "/" && !options.ephemeral && !options.overlay);
  process.cwd = options.workdir ?? "/";
  process.user = {
    ...idsOf(user),
    ...(options.umask === undefined ? {} : { umask: options.umask }),
  };
  process.noNewPrivileges = options.noNewPrivileges ?? !options.privileged;
  process.capabilities = capabilitySets(
    capabilities(options, caller),
    user.uid,
  );
  process.rlimits = options.rlimits;
  process.oomScoreAdj = options.oomScoreAdj;
  process.scheduling = { nice: options.nice, cpus: options.cpus };
  process.preserve = options.preserveFds;
  process.apparmorProfile = apparmor(options, world);
  process.selinuxLabel = options.selinux;
  setNamespaces(spec, options);
  linux.timeOffsets = options.timeOffsets;
  linux.devices = devices;
  if (resources) linux.resources = resources;
  if (options.personality) linux.personality = { domain: options.personality };
  const maps = userNamespace(spec, options, requester, leftOut);
  if (options.privileged) {
    linux.maskedPaths = [];
    linux.readonlyPaths = [];
    for (const mount of spec.mounts ?? []) {
      if (mount.type === "sysfs" || mount.type === "cgroup") {
        mount.options = mount.options?.filter((option) => option !== "ro");
      }
    }
  }
  if (options.groups?.length && maps && !maps.helper && !caller.capable) {
    throw new SpecError(
      `Cannot add the group ${
        options.groups.join(", ")
      }: the user namespace maps only your own group`,
      { hint: "Map more groups with --userns auto, or run as root (sudo)." },
    );
  }
  // Root of a user namespace has only the ids of that namespace.
  const own = caller.nested ? mapsOfNamespace(OWN_USER_NAMESPACE, world) : null;
  if (options.defaultMounts === false) spec.mounts = [];
  const isDirectory = (path: string) =>
    orNull(() => world.stat(path))?.type === "directory";
  fitMounts(spec, maps ?? own, leftOut, isDirectory);
  if (options.shmSize !== undefined) {
    if (options.namespaces?.ipc === "host") {
      throw new UsageError(
        "--shm-size: with --ipc host, /dev/shm belongs to the host",
        "Remove one of the two flags.",
      );
    }
    sizeShm(spec, options.shmSize);
  }
  const mounts = [
    ...mergeMounts(fitCgroups(spec), options.mounts ?? [], requester),
    ...etcFiles(
      options,
      spec,
      inputs.files ?? rootfs,
      requester,
      inputs.ownHosts,
    ),
  ].map((mount) => withoutLabel(mount, leftOut, world));
  spec.mounts = mappedMounts({ linux, mounts }, requester);
  Object.assign(process, ownTerminal(options, mounts, world, terminalSize));
  linux.sysctl = sysctls(spec, options.sysctls ?? {});
  const init = (options.init ?? true) && canBePidOne(spec, leftOut);
  if (init) warnOfTracing(spec, leftOut);
  return {
    spec,
    mapHelper: maps?.helper ?? false,
    init,
    leftOut,
  };
}

/**
 * A PID namespace that is shared or joined already has a PID 1. When PID 1
 * ends, the kernel kills all processes in its namespace, so this program must
 * not take that role there.
 */
function canBePidOne(spec: Spec, leftOut: string[]): boolean {
  const own = spec.linux.namespaces.some(({ type, path }) =>
    type === "pid" && path === undefined
  );
  if (!own) {
    leftOut.push(
      "PID 1 is not our program (the PID namespace is shared): processes that the command leaves behind continue to run",
    );
  }
  return own;
}

/** A process that can trace PID 1 can also open the file of this program. */
function warnOfTracing({ process }: Spec, leftOut: string[]): void {
  if (!process.capabilities?.bounding?.includes("CAP_SYS_PTRACE")) return;
  leftOut.push(
    "CAP_SYS_PTRACE gives access to this program, which is PID 1, and to its file through /proc/1/exe. Use --no-init for a command that you do not trust",
  );
}

/** Without AppArmor in the kernel everything is unconfined already. */
function apparmor(
  { apparmor }: ContainerOptions,
  world: World,
): string | undefined {
  if (apparmor !== "unconfined") return apparmor;
  return world.access("/proc/self/attr/apparmor", "exists")
    ? apparmor
    : undefined;
}

const withPrefix = (name: string) => {
  const full = name.toUpperCase();
  return full.startsWith("CAP_") || full === "ALL" ? full : `CAP_${full}`;
};

function capabilities(
  { capabilities: { add = [], drop = [] } = {}, privileged }: ContainerOptions,
  caller: Caller,
): string[] {
  const known = (name: string) => {
    const full = withPrefix(name);
    if (
      full === "ALL" || CAPABILITIES.some((capability) => capability === full)
    ) return full;
    throw new UsageError(
      `Unknown capability ${name}`,
      "See capabilities(7) for the names.",
    );
  };
  const [adds, drops] = [add.map(known), drop.map(known)];
  const all = privileged || adds.includes("ALL");
  const base: readonly string[] = all
    ? CAPABILITIES
    : drops.includes("ALL")
    ? []
    : DEFAULT_CAPABILITIES;
  const wanted = new Set([...base, ...adds]);
  for (const name of drops) wanted.delete(name);
  // Without root there is a new user namespace, in which root has all
  // capabilities. Root itself can only pass on what its bounding set has.
  return [...wanted].filter((name) =>
    !caller.privileged || caller.bounding.has(name)
  );
}

function setNamespaces(
  spec: Spec,
  { namespaces, hostname, domainname, timeOffsets }: ContainerOptions,
): void {
  const modes: ContainerOptions["namespaces"] = {
    ...(timeOffsets ? { time: "private" } : {}),
    ...namespaces,
  };
  for (const [name, mode] of Object.entries(modes)) {
    const type = name as NamespaceType;
    const others = spec.linux.namespaces.filter((entry) => entry.type !== type);
    spec.linux.namespaces = [...others, ...asNamespace(type, mode)];
  }
  if (!spec.linux.namespaces.some(({ type }) => type === "mount")) {
    throw new UsageError(
      "--mount-namespace host: a container without a mount namespace would mount on the host",
    );
  }
  nameOfUts(spec, hostname, domainname);
}

/**
 * A shared or joined UTS namespace keeps its hostname, unless the user sets a
 * hostname for the joined one.
 */
function nameOfUts(spec: Spec, hostname?: string, domainname?: string): void {
  const uts = spec.linux.namespaces.find(({ type }) => type === "uts");
  if (!uts && (hostname !== undefined || domainname !== undefined)) {
    throw new UsageError(
      `--${
        hostname === undefined ? "domainname" : "hostname"
      } with --uts host would change the host's name`,
      "Remove one of the two flags.",
    );
  }
  const own = uts && uts.path === undefined;
  if (!own && hostname === undefined) delete spec.hostname;
}

function asNamespace(
  type: NamespaceType,
  mode: NamespaceMode,
): Spec["linux"]["namespaces"] {
  if (mode === "host") return [];
  return mode === "private" ? [{ type }] : [{ type, path: mode.slice(5) }];
}

function userNamespace(
  spec: Spec,
  options: ContainerOptions,
  { caller, world }: Requester,
  leftOut: string[],
): IdMaps | null {
  const explicit = options.uidMap?.length || options.gidMap?.length;
  const mode = options.userNamespace ??
    (explicit || !caller.privileged ? "private" : "host");
  if (mode === "host") {
    if (caller.privileged) return null;
    throw new SpecError("Cannot run without a user namespace: not root", {
      hint: "Run as root (sudo), or remove --userns host.",
    });
  }
  if (mode.startsWith("path:")) {
    const path = mode.slice(5);
    spec.linux.namespaces.push({ type: "user", path });
    return mapsOfNamespace(path, world);
  }
  spec.linux.namespaces.push({ type: "user" });
  checkMaps("--uidmap", options.uidMap ?? []);
  checkMaps("--gidmap", options.gidMap ?? []);
  const own = mode === "auto"
    ? automaticIds(caller, world)
    : ownIds(caller.uid, caller.gid);
  const maps: IdMaps = {
    uids: options.uidMap ?? own.uids,
    gids: options.gidMap ?? own.gids,
    helper: explicit ? !caller.capable && mapsMore(options) : own.helper,
  };
  if (mode === "auto" && own.uids.length === 1) {
    leftOut.push(
      "only your own user ID is mapped (/etc/subuid and /etc/subgid give you no IDs that can be mapped; see container doctor)",
    );
  }
  spec.linux.uidMappings = maps.uids;
  spec.linux.gidMappings = maps.gids;
  if (!caller.privileged) {
    const others = maps.uids.length === 1 ? ", and no other user exists" : "";
    leftOut.push(
      explicit
        ? "without root, device nodes are bind mounts of the host's devices"
        : `without root, your own user is root inside${others}; device nodes are bind mounts of the host's devices`,
    );
  }
  return maps;
}

const mapsMore = ({ uidMap = [], gidMap = [] }: ContainerOptions) =>
  [...uidMap, ...gidMap].some(({ size }) => size > 1);

function sizeShm({ mounts = [] }: Spec, bytes: number): void {
  for (const mount of mounts) {
    if (mount.destination !== "/dev/shm") continue;
    mount.options = mount.options?.map((option) =>
      option.startsWith("size=") ? `size=${bytes}` : option
    );
  }
}

function sysctls(
  spec: Spec,
  asked: Record<string, string>,
): Record<string, string> {
  for (const key of Object.keys(asked)) {
    const holder = holderOfSysctl(key);
    if (!holder) {
      throw new SpecError(
        `Cannot set the sysctl ${key}: it belongs to the host, not to a namespace`,
        {
          hint:
            "A container can set sysctls below net., kernel.shm, kernel.msg, kernel.sem and fs.mqueue.",
        },
      );
    }
    if (!spec.linux.namespaces.some(({ type }) => type === holder)) {
      throw new SpecError(
        `Cannot set the sysctl ${key}: the ${holder} namespace is the host's`,
        { hint: `Remove --${holder} host.` },
      );
    }
  }
  return asked;
}

/**
 * The options of the library as a table: how each is read, and which flag of
 * `run` it corresponds to. TypeScript compares the table with the type
 * {@linkcode LibraryOptions}: a missing option does not compile. Pure.
 */

import { isAddress, isDomain } from "../../spec/addresses.ts";
import { RLIMITS } from "../../spec/names.ts";
import {
  absolutePath,
  anyPath,
  boolean,
  bytes,
  checked,
  list,
  matching,
  type Member,
  object,
  oneOf,
  type Reader,
  record,
  required,
  string,
  word,
} from "../../spec/reader.ts";
import { integer, uint16, uint32 } from "../../spec/reader_numbers.ts";
import { idMapping } from "../../spec/schema_linux.ts";
import { resources } from "../../spec/schema_resources.ts";
import type {
  Mount,
  NamespaceType,
  Rlimit,
  TimeOffset,
} from "../../spec/types.ts";
import type { LandlockRules } from "../../plan/process/landlock.ts";
import { WHEN } from "../decide/images/when.ts";
import type { NamespaceMode } from "../decide/options.ts";
import type { Stdio } from "../decide/streams.ts";
import { type LibraryOptions, needsStore } from "./library_options.ts";

/** One option. */
interface Option<T> {
  read: Reader<T> | Member<T>;
  /** The flags of `run` in its place, and what to write instead of each. */
  flags?: Readonly<Record<string, string>>;
}

const mode = matching(
  /^(host|private|path:.+)$/s,
  '"private", "host" or "path:…"',
) as Reader<NamespaceMode>;

const command: Reader<string[]> = (value, place) => {
  if (typeof value === "string") {
    return place.fault(
      `expected an array of strings, such as [${JSON.stringify(value)}]`,
    );
  }
  return checked(list(bytes), (words, at) => {
    if (!words[0]) at.fault("names no program");
  })(value, place);
};

/** Reads a string that a function accepts; `what` describes it in a fault. */
const accepted =
  (accepts: (text: string) => boolean, what: string): Reader<string> =>
  (value, place) =>
    typeof value === "string" && accepts(value)
      ? value
      : place.expected(what, value);

const address = accepted(isAddress, "an IP address");
const hostWord = accepted(isDomain, "one word");

/** -1 means no limit. */
const limit: Reader<number | bigint> = (value, place) =>
  (typeof value === "bigint" || Number.isInteger(value)) &&
    (value as number | bigint) >= -1
    ? value as number | bigint
    : place.expected("a whole number, or -1 for no limit", value);

const offset = object<TimeOffset>({
  secs: required(integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)),
  nanosecs: required(integer(-999_999_999, 999_999_999)),
});

const ports: Reader<number[] | "any"> = (value, place) =>
  value === "any" ? value : list(uint16)(value, place);

const abortSignal: Reader<AbortSignal> = (value, place) =>
  value instanceof AbortSignal
    ? value
    : place.expected("an AbortSignal", value);

const listener: Reader<NonNullable<LibraryOptions["onProgress"]>> = (
  value,
  place,
) =>
  typeof value === "function"
    ? value as NonNullable<LibraryOptions["onProgress"]>
    : place.expected("a function", value);

const stdio: Reader<Stdio> = oneOf(["piped", "inherit", "null"]);

const mounts = list(object<Mount>({
  destination: required(absolutePath),
  type: word,
  source: string,
  options: list(string),
  uidMappings: list(idMapping),
  gidMappings: list(idMapping),
}));

/** Each option of {@linkcode LibraryOptions}. */
export const OPTIONS: {
  readonly [K in keyof LibraryOptions]-?: Option<LibraryOptions[K]>;
} = {
  command: { read: command },
  image: { read: word, flags: { image: "image" } },
  entrypoint: { read: list(bytes), flags: { entrypoint: "entrypoint" } },
  pull: { read: oneOf(WHEN), flags: { pull: "pull" } },
  platform: { read: word, flags: { platform: "platform" } },
  store: { read: anyPath, flags: { store: "store" } },
  onProgress: { read: listener },
  rootfs: { read: anyPath, flags: { rootfs: "rootfs" } },
  env: {
    read: record(bytes, matching(/^[^=]+$/, "a name without =")),
    flags: { env: "env" },
  },
  hostEnv: { read: boolean, flags: { "env-host": "hostEnv" } },
  workdir: { read: absolutePath, flags: { workdir: "workdir" } },
  hostname: {
    read: matching(/^[^]{0,64}$/, "at most 64 characters"),
    flags: { hostname: "hostname" },
  },
  domainname: {
    read: matching(/^[^]{0,64}$/, "at most 64 characters"),
    flags: { domainname: "domainname" },
  },
  addHosts: {
    read: list(object<{ name: string; address: string }>({
      name: required(hostWord),
      address: required(address),
    })),
    flags: { "add-host": "addHosts" },
  },
  dns: {
    read: object<NonNullable<LibraryOptions["dns"]>>({
      servers: list(address),
      search: list(hostWord),
      options: list(hostWord),
    }),
    flags: {
      "dns-search": "dns.search",
      "dns-option": "dns.options",
      dns: "dns.servers",
    },
  },
  user: { read: word, flags: { user: "user" } },
  groups: { read: list(string), flags: { "group-add": "groups" } },
  namespaces: {
    read: object<
      Partial<Record<Exclude<NamespaceType, "user">, NamespaceMode>>
    >({
      pid: mode,
      network: mode,
      mount: mode,
      ipc: mode,
      uts: mode,
      cgroup: mode,
      time: mode,
    }),
    flags: {
      pid: "namespaces.pid",
      network: "namespaces.network",
      "mount-namespace": "namespaces.mount",
      ipc: "namespaces.ipc",
      uts: "namespaces.uts",
      cgroupns: "namespaces.cgroup",
      time: "namespaces.time",
    },
  },
  timeOffsets: {
    read: object<NonNullable<LibraryOptions["timeOffsets"]>>({
      monotonic: offset,
      boottime: offset,
    }),
    flags: { "time-offset": "timeOffsets" },
  },
  userNamespace: {
    read: matching(
      /^(host|private|auto|path:.+)$/s,
      '"private", "host", "auto" or "path:…"',
    ) as Reader<NamespaceMode | "auto">,
    flags: { userns: "userNamespace" },
  },
  uidMap: { read: list(idMapping), flags: { uidmap: "uidMap" } },
  gidMap: { read: list(idMapping), flags: { gidmap: "gidMap" } },
  mounts: {
    read: mounts,
    flags: {
      volume: "mounts",
      mount: "mounts",
      tmpfs: "mounts",
      bind: "mounts",
      "ro-bind": "mounts",
      "bind-try": "mounts",
      "ro-bind-try": "mounts",
      dir: "mounts",
      file: "mounts",
      symlink: "mounts",
    },
  },
  defaultMounts: { read: boolean },
  devices: {
    read: list(object<{ source: string; target?: string; access?: string }>({
      source: required(absolutePath),
      target: absolutePath,
      access: matching(/^[rwm]+$/, "some of the letters r, w and m"),
    })),
    flags: { device: "devices" },
  },
  shmSize: {
    read: integer(0, Number.MAX_SAFE_INTEGER),
    flags: { "shm-size": "shmSize" },
  },
  readonly: { read: boolean, flags: { "read-only": "readonly" } },
  ephemeral: { read: boolean, flags: { ephemeral: "ephemeral" } },
  overlay: { read: anyPath, flags: { overlay: "overlay" } },
  capabilities: {
    read: object<{ add?: string[]; drop?: string[] }>({
      add: list(word),
      drop: list(word),
    }),
    flags: { "cap-add": "capabilities.add", "cap-drop": "capabilities.drop" },
  },
  privileged: { read: boolean, flags: { privileged: "privileged" } },
  noNewPrivileges: {
    read: boolean,
    flags: { "no-new-privs": "noNewPrivileges" },
  },
  seccomp: { read: word, flags: { seccomp: "seccomp" } },
  personality: {
    read: oneOf(["LINUX", "LINUX32"]),
    flags: { personality: "personality" },
  },
  landlock: {
    read: object<LandlockRules>({
      ro: list(anyPath),
      rw: list(anyPath),
      exec: list(anyPath),
      connect: ports,
      bind: ports,
    }),
    flags: { landlock: "landlock" },
  },
  rlimits: {
    read: list(checked(
      object<Rlimit>({
        type: required(oneOf(RLIMITS)),
        soft: required(limit),
        hard: required(limit),
      }),
      ({ soft, hard }, place) => {
        if (hard !== -1 && (soft === -1 || soft > hard)) {
          place.at("soft").fault("is higher than the hard limit");
        }
      },
    )),
    flags: { ulimit: "rlimits" },
  },
  umask: { read: integer(0, 0o777), flags: { umask: "umask" } },
  oomScoreAdj: {
    read: integer(-1000, 1000),
    flags: { "oom-score-adj": "oomScoreAdj" },
  },
  nice: { read: integer(-20, 19), flags: { nice: "nice" } },
  cpus: { read: list(uint32), flags: { cpu: "cpus" } },
  sysctls: { read: record(string), flags: { sysctl: "sysctls" } },
  resources: {
    read: resources,
    flags: {
      "memory-swap": "resources.memory.swap",
      "memory-reservation": "resources.memory.reservation",
      memory: "resources.memory.limit",
      "memory-swappiness": "resources.memory.swappiness",
      "oom-kill-disable": "resources.memory.disableOOMKiller",
      cpus: "resources.cpu.quota",
      "cpu-quota": "resources.cpu.quota",
      "cpu-period": "resources.cpu.period",
      "cpu-shares": "resources.cpu.shares",
      "cpuset-cpus": "resources.cpu.cpus",
      "cpuset-mems": "resources.cpu.mems",
      "blkio-weight": "resources.blockIO.weight",
      "device-read-bps": "resources.blockIO.throttleReadBpsDevice",
      "device-write-bps": "resources.blockIO.throttleWriteBpsDevice",
      "device-read-iops": "resources.blockIO.throttleReadIOPSDevice",
      "device-write-iops": "resources.blockIO.throttleWriteIOPSDevice",
      hugetlb: "resources.hugepageLimits",
      "pids-limit": "resources.pids.limit",
    },
  },
  cgroups: {
    read: oneOf(["disabled"]),
    flags: { "cgroup-manager": "cgroups" },
  },
  cgroupParent: { read: word, flags: { "cgroup-parent": "cgroupParent" } },
  apparmor: { read: string, flags: { apparmor: "apparmor" } },
  selinux: { read: string, flags: { selinux: "selinux" } },
  streams: {
    read: oneOf(["relay", "inherit"]),
    flags: { streams: "streams" },
  },
  preserveFds: { read: uint16, flags: { "preserve-fd": "preserveFds" } },
  chroot: { read: boolean, flags: { chroot: "chroot" } },
  stdin: { read: stdio },
  stdout: { read: stdio },
  stderr: { read: stdio },
  signal: { read: abortSignal },
};

/** What only a container of an image has. */
const OF_IMAGES = [
  "entrypoint",
  "pull",
  "platform",
  "store",
  "onProgress",
] as const;

/** Reads all options. */
export const libraryOptions: Reader<LibraryOptions> = checked(
  object<LibraryOptions>(
    Object.fromEntries(
      Object.entries(OPTIONS).map(([name, { read }]) => [name, read]),
    ) as never,
  ),
  (options, place) => {
    const { image, command, rootfs, overlay } = options;
    const conflict = { rootfs, overlay };
    if (image === undefined) {
      if (command === undefined) place.at("command").fault("missing");
      const stray = OF_IMAGES.find((name) =>
        options[name] !== undefined &&
        (name === "entrypoint" || !needsStore(options))
      );
      if (stray) place.at(stray).fault("requires image");
    }
    for (const [name, value] of Object.entries(conflict)) {
      if (image !== undefined && value !== undefined) {
        place.at(name).fault("cannot be used together with image");
      }
    }
  },
);

/** The option for each flag of `run`. */
export const OPTION_OF_FLAG: ReadonlyMap<string, string> = new Map(
  Object.values(OPTIONS).flatMap(({ flags = {} }) => Object.entries(flags)),
);

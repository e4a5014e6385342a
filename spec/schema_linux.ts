/** The schema of `linux`, except for its resources and its seccomp filter. */

import { NAMESPACE_TYPES } from "./names.ts";
import {
  absolutePath,
  boolean,
  checked,
  FAULTY,
  list,
  matching,
  object,
  oneOf,
  otherwise,
  type Reader,
  record,
  required,
  string,
  unlessEmpty,
} from "./reader.ts";
import { accountId, int64, integer, uint32 } from "./reader_numbers.ts";
import { numberList, resources } from "./schema_resources.ts";
import { seccomp } from "./schema_seccomp.ts";
import type {
  Device,
  IdMapping,
  Linux,
  Namespace,
  TimeOffset,
} from "./types.ts";
import type { IntelRdt, MemoryPolicy, NetDevice } from "./types_linux.ts";

/** Reads a range of ids. */
export const idMapping: Reader<IdMapping> = checked(
  object<IdMapping>({
    containerID: required(uint32),
    hostID: required(uint32),
    size: required(integer(1, 0xffffffff)),
  }),
  ({ containerID, hostID, size }, place) => {
    // 4294967295 is not an id: chown(2) takes it as "leave unchanged".
    if (Math.max(containerID, hostID) + size <= 0xffffffff) return;
    place.fault("exceeds the highest ID, 4294967294");
  },
);

const namespace = object<Namespace>({
  type: required(oneOf(NAMESPACE_TYPES)),
  path: unlessEmpty(absolutePath),
});

/** Reads the bits that chmod(2) sets. Engines also pass the file's type, from stat(2). */
const permissions: Reader<number> = (value, place) => {
  const mode = uint32(value, place);
  return mode === FAULTY ? mode : mode & 0o7777;
};

// The ranges of the kernel: with larger numbers mknod(2) makes another device.
const major = integer(0, 0xfff);
const minor = integer(0, 0xfffff);

const device: Reader<Omit<Device, "source">> = checked(
  object<Omit<Device, "source">>({
    type: required(oneOf(["c", "b", "u", "p"])),
    path: required(absolutePath),
    major,
    minor,
    fileMode: permissions,
    uid: accountId,
    gid: accountId,
  }),
  ({ type, major, minor }, place) => {
    if (type === "p" || major !== undefined && minor !== undefined) return;
    place.fault("needs major and minor");
  },
);

const timeOffset = object<TimeOffset>({
  secs: otherwise(int64, () => 0),
  nanosecs: otherwise(integer(0, 999_999_999), () => 0),
});

const personality: Reader<{ domain: "LINUX" | "LINUX32" }> = (value, place) => {
  const got = object<{ domain: "LINUX" | "LINUX32"; flags?: string[] }>({
    domain: required(oneOf(["LINUX", "LINUX32"])),
    flags: list(string),
  })(value, place);
  if (got === FAULTY) return got;
  if (got.flags?.length) place.at("flags").fault("OCI does not define any yet");
  return { domain: got.domain };
};

/** Reads a propagation. With an `r`, as in rbind, it includes the mounts below. */
const propagation: Reader<Linux["rootfsPropagation"]> = (value, place) =>
  value === "" ? undefined : oneOf([
    ...["private", "slave", "shared", "unbindable"] as const,
    ...["rprivate", "rslave", "rshared", "runbindable"] as const,
  ])(value, place);

/** Reads the name of a network interface, which is also a directory's name in /sys. */
const interfaceName = matching(
  /^(?!\.{1,2}$)[^\s/:]{1,15}$/,
  "the name of a network interface",
);

const netDevice = object<NetDevice>({ name: unlessEmpty(interfaceName) });

/** Reads the name of a class, which becomes a directory in resctrl. */
const className = matching(/^(?!\.{1,2}$)[^/\n]+$/, "the name of a directory");
const oneLine = matching(/^[^\n]*$/, "one line");

const intelRdt = object<IntelRdt>({
  closID: unlessEmpty(className),
  schemata: list(oneLine),
  l3CacheSchema: unlessEmpty(string),
  memBwSchema: unlessEmpty(
    matching(/^MB:[^\n]*$/, "one line that begins with MB:"),
  ),
  enableMonitoring: boolean,
  enableCMT: boolean,
  enableMBM: boolean,
});

const memoryPolicy = object<MemoryPolicy>({
  mode: required(oneOf([
    "MPOL_DEFAULT",
    "MPOL_BIND",
    "MPOL_INTERLEAVE",
    "MPOL_WEIGHTED_INTERLEAVE",
    "MPOL_PREFERRED",
    "MPOL_PREFERRED_MANY",
    "MPOL_LOCAL",
  ])),
  nodes: unlessEmpty(numberList),
  flags: list(oneOf([
    "MPOL_F_NUMA_BALANCING",
    "MPOL_F_RELATIVE_NODES",
    "MPOL_F_STATIC_NODES",
  ])),
});

/** Reads the name of a sysctl(8), with dots or slashes: a path below /proc/sys. */
const sysctlName: Reader<string> = (value, place) => {
  const name = string(value, place);
  if (name === FAULTY) return name;
  if (name.includes("/") && name.includes(".")) {
    return place.fault(
      "contains both dots and slashes, which is not supported",
    );
  }
  const dotted = name.replaceAll("/", ".");
  return /^[\w-]+(\.[\w@:-]+)+$/.test(dotted)
    ? dotted
    : place.fault("is not the name of a sysctl");
};

/** `linux`. */
export const linux: Reader<Linux> = object<Linux>({
  namespaces: otherwise(list(namespace), () => []),
  uidMappings: list(idMapping),
  gidMappings: list(idMapping),
  devices: list(device),
  cgroupsPath: unlessEmpty(string),
  sysctl: record(string, sysctlName),
  timeOffsets: object<NonNullable<Linux["timeOffsets"]>>({
    monotonic: timeOffset,
    boottime: timeOffset,
  }),
  personality,
  rootfsPropagation: propagation,
  maskedPaths: list(absolutePath),
  readonlyPaths: list(absolutePath),
  mountLabel: unlessEmpty(string),
  resources,
  seccomp,
  netDevices: record(netDevice, interfaceName),
  intelRdt,
  memoryPolicy,
});

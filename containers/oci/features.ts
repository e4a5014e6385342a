/**
 * The features of the OCI runtime specification that this program supports, in
 * the format of its features.md. Pure: it describes the program and not the
 * machine. The values are taken from the program's own tables where possible,
 * and are written here otherwise.
 */

import { MEMORY_POLICY } from "../../launch/lower/schedule.ts";
import { COMPATIBLE, OCI_ARCH } from "../../seccomp/syscalls.ts";
import { CAPABILITIES } from "../../plan/process/capabilities.ts";
import { mountOptions } from "../../plan/mounts/options.ts";
import { OCI_VERSION } from "../../spec/defaults.ts";
import { NAMESPACE_TYPES } from "../../spec/names.ts";
import {
  SECCOMP_ACTIONS,
  SECCOMP_FLAGS,
  SECCOMP_OPERATORS,
} from "../../spec/seccomp.ts";

/** The features document. */
export interface Features {
  ociVersionMin: string;
  ociVersionMax: string;
  hooks: string[];
  mountOptions: string[];
  linux: {
    namespaces: string[];
    capabilities: string[];
    cgroup: Record<"v1" | "v2" | "systemd" | "systemdUser" | "rdma", boolean>;
    seccomp: {
      enabled: boolean;
      actions: string[];
      operators: string[];
      archs: string[];
      knownFlags: string[];
      supportedFlags: string[];
    };
    apparmor: { enabled: boolean };
    selinux: { enabled: boolean };
    intelRdt: { enabled: boolean; schemata: boolean; monitoring: boolean };
    memoryPolicy: { modes: string[]; flags: string[] };
    mountExtensions: { idmap: { enabled: boolean } };
    netDevices: { enabled: boolean };
  };
  annotations: Record<string, string>;
  potentiallyUnsafeConfigAnnotations: string[];
}

/**
 * The mount(8) options that belong to no particular file system. A prefix `r`
 * makes one recursive.
 */
const MOUNT_WORDS =
  `acl async atime bind defaults dev diratime dirsync exec idmap iversion
  lazytime loud mand noacl noatime nodev nodiratime noexec noiversion nolazytime
  nomand norelatime nostrictatime nosuid nosymfollow private relatime remount ro
  rw shared silent slave strictatime suid symfollow sync tmpcopyup unbindable`
    .split(/\s+/);

/**
 * Whether this program handles the option and does not pass it to the file
 * system.
 */
const isOurs = (option: string) => !mountOptions([option]).data.length;

/**
 * The features of this program.
 *
 * @param version the version of this program
 */
export function features(version: string): Features {
  const { arch } = Deno.build;
  return {
    ociVersionMin: "1.0.0",
    ociVersionMax: OCI_VERSION,
    hooks: [
      "prestart",
      "createRuntime",
      "createContainer",
      "startContainer",
      "poststart",
      "poststop",
    ],
    mountOptions: MOUNT_WORDS.flatMap((word) => [word, `r${word}`])
      .filter(isOurs).sort(),
    linux: {
      namespaces: [...NAMESPACE_TYPES],
      capabilities: [...CAPABILITIES],
      cgroup: {
        v1: true,
        v2: true,
        systemd: true,
        systemdUser: true,
        rdma: true,
      },
      seccomp: {
        enabled: true,
        actions: [...SECCOMP_ACTIONS].sort(),
        operators: [...SECCOMP_OPERATORS].sort(),
        archs: [OCI_ARCH[arch], OCI_ARCH[COMPATIBLE[arch]]].sort(),
        knownFlags: [...SECCOMP_FLAGS],
        supportedFlags: [...SECCOMP_FLAGS],
      },
      apparmor: { enabled: true },
      selinux: { enabled: true },
      intelRdt: { enabled: true, schemata: true, monitoring: true },
      memoryPolicy: MEMORY_POLICY,
      mountExtensions: { idmap: { enabled: isOurs("idmap") } },
      netDevices: { enabled: true },
    },
    annotations: { "container.version": version },
    potentiallyUnsafeConfigAnnotations: [],
  };
}

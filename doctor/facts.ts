/**
 * The facts that `container doctor` judges, as plain data. Every check is a
 * pure function of them, so a test can invent any machine.
 */

import type { ProbedCall } from "../ffi/probe.ts";
import type { ForwardPolicy } from "../network/kernel/forward_policy.ts";
import type { CgroupFacts, Mount } from "./mounts.ts";

/**
 * The settings that decide whether an unprivileged user may create a user
 * namespace.
 */
export interface UserNamespaceFacts {
  /** The kernel supports them (/proc/self/ns/user exists). */
  present: boolean;
  /** kernel.unprivileged_userns_clone of Debian kernels; null on others. */
  unprivilegedClone: number | null;
  /**
   * kernel.apparmor_restrict_unprivileged_userns of Ubuntu kernels; null on
   * others.
   */
  apparmorRestricts: number | null;
  /** user.max_user_namespaces. */
  maximum: number | null;
}

/** Subordinate ids of /etc/subuid or /etc/subgid. */
export interface IdRange {
  owner: string;
  start: number;
  count: number;
}

/** A program that writes id maps, and what gives it the permission. */
export interface IdTool {
  path: string;
  right: "setuid" | "capability" | null;
}

/** All facts. */
export interface Facts {
  arch: string;
  /** uname -r. */
  kernel: string;
  /** The version; null if libc.so.6 cannot be loaded. */
  glibc: string | null;
  /**
   * The errno that each call returned to a probe. ENOSYS: the call does not
   * exist.
   */
  calls: Record<ProbedCall, string>;
  /** vm.memfd_noexec; null before Linux 6.3. */
  memfdNoexec: number | null;
  uid: number;
  gid: number;
  /** The name in /etc/passwd; null if the uid is not in it. */
  user: string | null;
  /** Effective and bounding capabilities, by bit. */
  capabilities: bigint;
  bounding: bigint;
  noNewPrivileges: boolean;
  /**
   * The kind of container this process runs in; null if there is no sign of
   * one.
   */
  inside: string | null;
  /** This is not the initial user namespace. */
  nestedUser: boolean;
  /** The names in /proc/self/ns. */
  namespaces: string[];
  /**
   * user.max_*_namespaces, by the middle part of the name. Unknown limits are
   * absent.
   */
  limits: Partial<Record<string, number>>;
  /**
   * The result of unshare(1) for the namespaces of `run`, with a new proc mount
   * (`asUser`: in a new user namespace as well). Null if unshare is not
   * installed.
   */
  tried: { ok: boolean; said: string; asUser: boolean } | null;
  userNamespace: UserNamespaceFacts;
  subuid: IdRange[];
  subgid: IdRange[];
  newuidmap: IdTool | null;
  newgidmap: IdTool | null;
  mounts: Mount[];
  cgroup: CgroupFacts;
  systemd: boolean;
  /** /proc/filesystems. */
  filesystems: string[];
  /** Kernel modules that are built in, or on disk for this kernel. */
  modules: string[];
  loopControl: boolean;
  kvm: boolean;
  /** actions_avail of seccomp(2); null without seccomp filters. */
  seccomp: string[] | null;
  /** A seccomp filter is already active on this process. */
  seccompFiltered: boolean;
  /** The kernel supports keyrings(7). */
  keyrings: boolean;
  /** The version of Landlock, or the errno of its probe. */
  landlock: number | string;
  apparmor: boolean;
  /** The AppArmor profile or SELinux context of this process. */
  label: string | null;
  selinux: "enforcing" | "permissive" | null;
  /** Where the state of containers is kept, or why it is nowhere. */
  stateBase:
    | {
      directory: string;
      /** The directory itself, or the nearest one above it that exists. */
      path: string;
      /** The first directory that has to be made; null if there is none. */
      missing: string | null;
      writable: boolean;
    }
    | { problem: string; fix?: string };
  /** Whether the host passes packets on; null if that cannot be read. */
  forwards: boolean | null;
  /**
   * The chains that drop what the host passes on; null if they cannot be read.
   */
  forwardPolicies: ForwardPolicy[] | null;
  /** Paths of programs; null if not installed. */
  programs: Record<"nft" | "ip", string | null>;
  /** The package manager of this machine. */
  packager: Packager | null;
}

/** A package manager with a known command line. */
export type Packager = "apt-get" | "dnf" | "zypper" | "pacman";

const INSTALL: Record<Packager, string> = {
  "apt-get": "sudo apt-get install",
  dnf: "sudo dnf install",
  zypper: "sudo zypper install",
  pacman: "sudo pacman -S",
};

/** The command that installs the package of a program. */
export function install(
  packager: Packager | null,
  packages: Record<Packager, string>,
): string {
  return packager
    ? `${INSTALL[packager]} ${packages[packager]}`
    : `install the package ${packages["apt-get"]} or ${packages.dnf}`;
}

/**
 * Whether the caller has CAP_SYS_ADMIN, which creating namespaces and mounts
 * needs.
 */
export function isPrivileged(facts: Facts): boolean {
  return hasCapability(facts.capabilities, "CAP_SYS_ADMIN");
}

const BITS = {
  CAP_CHOWN: 0,
  CAP_DAC_OVERRIDE: 1,
  CAP_KILL: 5,
  CAP_SETGID: 6,
  CAP_SETUID: 7,
  CAP_SETPCAP: 8,
  CAP_NET_ADMIN: 12,
  CAP_SYS_CHROOT: 18,
  CAP_SYS_PTRACE: 19,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_RESOURCE: 24,
  CAP_MKNOD: 27,
  CAP_SETFCAP: 31,
} as const;

/** A capability that matters for containers. */
export type Capability = keyof typeof BITS;

/** Whether a set contains a capability. */
export function hasCapability(set: bigint, name: Capability): boolean {
  return (set >> BigInt(BITS[name]) & 1n) === 1n;
}

/** The user's name in messages. */
export function userName({ uid, user }: Facts): string {
  return user === null ? `uid ${uid}` : `${user} (uid ${uid})`;
}

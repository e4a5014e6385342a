/**
 * What `container doctor` judges, as plain data: the checks are functions of
 * this, so that a test can invent any machine.
 */

import type { ProbedCall } from "../ffi/probe.ts";
import type { CgroupFacts, Mount } from "./mounts.ts";

/** What decides whether a user without rights may make a user namespace. */
export interface UserNamespaceFacts {
  /** The kernel has them (/proc/self/ns/user). */
  present: boolean;
  /** kernel.unprivileged_userns_clone, of Debian's kernels; null elsewhere. */
  unprivilegedClone: number | null;
  /** kernel.apparmor_restrict_unprivileged_userns, of Ubuntu's; null elsewhere. */
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

/** A program that maps ids, and what gives it the right to. */
export interface IdTool {
  path: string;
  right: "setuid" | "capability" | null;
}

/** Everything the checks look at. */
export interface Facts {
  arch: string;
  /** uname -r. */
  kernel: string;
  /** null: libc.so.6 cannot be loaded. */
  glibc: string | null;
  /** The errno that each call answered to a question; ENOSYS: there is none. */
  calls: Record<ProbedCall, string>;
  /** vm.memfd_noexec; null before Linux 6.3. */
  memfdNoexec: number | null;
  uid: number;
  /** null where /etc/passwd does not know the uid. */
  user: string | null;
  /** Effective and bounding capabilities, by bit. */
  capabilities: bigint;
  bounding: bigint;
  noNewPrivileges: boolean;
  /** The kind of container this runs in already, null for none that shows. */
  inside: string | null;
  /** The user namespace is not the first one. */
  nestedUser: boolean;
  /** The names in /proc/self/ns. */
  namespaces: string[];
  /** user.max_*_namespaces by the name in the middle; absent where unknown. */
  limits: Partial<Record<string, number>>;
  /**
   * unshare(1) was asked for the namespaces of `run` with a proc mounted in
   * them (`asUser`: with a user namespace around). null: not installed.
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
  /** Names of kernel modules on disk for this kernel, and built in. */
  modules: string[];
  loopControl: boolean;
  kvm: boolean;
  /** actions_avail of seccomp(2); null without seccomp filters. */
  seccomp: string[] | null;
  /** A filter is on this process already. */
  seccompFiltered: boolean;
  /** The kernel keeps keys, keyrings(7). */
  keyrings: boolean;
  /** Landlock's version, or the errno it answered. */
  landlock: number | string;
  apparmor: boolean;
  /** The AppArmor profile or SELinux context of this process. */
  label: string | null;
  selinux: "enforcing" | "permissive" | null;
  /** Where the state of containers goes; null: neither XDG_RUNTIME_DIR nor HOME is set. */
  stateBase: {
    path: string;
    /** In it, made when there is something to keep. */
    directory: string;
    exists: boolean;
    writable: boolean;
  } | null;
  /** Paths of programs; null where there is none. */
  programs: Record<"nft" | "ip", string | null>;
  /** The package manager of this machine. */
  packager: Packager | null;
}

/** A package manager whose command line we know. */
export type Packager = "apt-get" | "dnf" | "zypper" | "pacman";

const INSTALL: Record<Packager, string> = {
  "apt-get": "sudo apt-get install",
  dnf: "sudo dnf install",
  zypper: "sudo zypper install",
  pacman: "sudo pacman -S",
};

/** The command that installs the package a program is in. */
export function install(
  packager: Packager | null,
  packages: Record<Packager, string>,
): string {
  return packager
    ? `${INSTALL[packager]} ${packages[packager]}`
    : `install the package ${packages["apt-get"]} or ${packages.dnf}`;
}

/** Root here, or a user with the right to make namespaces and mounts. */
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

/** A capability that containers have to do with. */
export type Capability = keyof typeof BITS;

/** Whether a set has it. */
export function hasCapability(set: bigint, name: Capability): boolean {
  return (set >> BigInt(BITS[name]) & 1n) === 1n;
}

/** How the user is called in messages. */
export function userName({ uid, user }: Facts): string {
  return user === null ? `uid ${uid}` : `${user} (uid ${uid})`;
}

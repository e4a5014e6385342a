/** The default configuration of a container, which follows docker's. */

import type { Mount, NamespaceType, Spec } from "./types.ts";

/** The version of the runtime-spec that our types follow. */
export const OCI_VERSION = "1.3.0";

/** The search path inside a container. */
export const DEFAULT_PATH = "/bin:/sbin:/usr/bin:/usr/sbin";

/** The umask inside, as docker's, whatever the caller's is. */
export const DEFAULT_UMASK = 0o022;

/** The hostname inside a container. */
export const DEFAULT_HOSTNAME = "container";

/** The namespaces that are made for a container; it shares the others with the host. */
export const DEFAULT_NAMESPACES: readonly NamespaceType[] = [
  "pid",
  "mount",
  "uts",
  "ipc",
  "network",
  "cgroup",
];

/** Files that show or change the host in every namespace. */
export const MASKED_PATHS: readonly string[] = [
  "/proc/asound",
  "/proc/acpi",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
];

/** Parts of proc that control the host's kernel. */
export const READONLY_PATHS: readonly string[] = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
];

/**
 * The mounts of every container: the kernel's file systems, and file systems in
 * memory.
 */
export const DEFAULT_MOUNTS: readonly Mount[] = [
  {
    destination: "/proc",
    type: "proc",
    source: "proc",
    options: ["nosuid", "nodev", "noexec"],
  },
  {
    destination: "/dev",
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "noexec", "strictatime", "mode=755", "size=65536k"],
  },
  {
    destination: "/dev/pts",
    type: "devpts",
    source: "devpts",
    options: [
      "nosuid",
      "noexec",
      "newinstance",
      "ptmxmode=0666",
      "mode=0620",
      "gid=5",
    ],
  },
  {
    destination: "/sys",
    type: "sysfs",
    source: "sysfs",
    options: ["nosuid", "nodev", "noexec", "ro"],
  },
  {
    destination: "/sys/fs/cgroup",
    type: "cgroup",
    source: "cgroup",
    options: ["nosuid", "nodev", "noexec", "relatime", "ro"],
  },
  {
    destination: "/dev/mqueue",
    type: "mqueue",
    source: "mqueue",
    options: ["nosuid", "nodev", "noexec"],
  },
  {
    destination: "/dev/shm",
    type: "tmpfs",
    source: "shm",
    options: ["nosuid", "nodev", "noexec", "mode=1777", "size=65536k"],
  },
];

/** A Spec with all defaults, for the caller to change. */
export function defaultSpec(
  { rootfs, args, env }: { rootfs: string; args: string[]; env: string[] },
): Spec {
  return {
    ociVersion: OCI_VERSION,
    process: { user: { uid: 0, gid: 0 }, args, env, cwd: "/" },
    root: { path: rootfs },
    hostname: DEFAULT_HOSTNAME,
    mounts: DEFAULT_MOUNTS.map((mount) => ({
      ...mount,
      options: [...mount.options ?? []],
    })),
    linux: {
      namespaces: DEFAULT_NAMESPACES.map((type) => ({ type })),
      maskedPaths: [...MASKED_PATHS],
      readonlyPaths: [...READONLY_PATHS],
    },
  };
}

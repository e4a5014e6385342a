/** What a container is when nothing else is said: docker's defaults. */

import type { Mount, NamespaceType, Spec } from "./types.ts";

/** The runtime-spec that our types follow. */
export const OCI_VERSION = "1.3.0";

/** The search path inside a container. */
export const DEFAULT_PATH = "/bin:/sbin:/usr/bin:/usr/sbin";

/** The name a container has inside. */
export const DEFAULT_HOSTNAME = "container";

/** What a container gets new of; the rest it shares with the host. */
export const DEFAULT_NAMESPACES: readonly NamespaceType[] = [
  "pid",
  "mount",
  "uts",
  "ipc",
  "network",
  "cgroup",
];

/** Files that tell of the host or change it whatever namespace they are read in. */
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

/** Parts of proc through which the host's kernel is steered. */
export const READONLY_PATHS: readonly string[] = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
];

/** The kernel's own file systems, and memory. */
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

/** A Spec with every default, to be changed by who asks for something else. */
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

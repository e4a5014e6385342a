/**
 * Fits the default mounts to the namespaces of a container, and to the mounts
 * that were requested. Only reads and decides: it changes the Spec and nothing
 * else. Runs on the host, in the parent.
 */

import { isBind } from "../../plan/mounts/options.ts";
import { UsageError } from "../../spec/errors.ts";
import type { Mount, NamespaceType, Spec } from "../../spec/types.ts";
import type { World } from "../world/world.ts";
import type { IdMaps } from "./id_ranges.ts";
import { absolutePath, orNull, type Requester } from "./requester.ts";

/**
 * The file systems of an IPC namespace: POSIX shared memory and message queues.
 */
const IPC_MOUNTS = ["/dev/shm", "/dev/mqueue"];

/**
 * Replaces mounts that the container's user namespace cannot make. Mounts of
 * namespaces that are the host's become bind mounts of the host's directories.
 *
 * @param maps the id maps of the user namespace; null without one
 * @param leftOut collects a sentence on each replacement that the user should
 * know
 * @param onHost whether the host has this directory
 */
export function fitMounts(
  spec: Spec,
  maps: IdMaps | null,
  leftOut: string[],
  onHost: (path: string) => boolean,
): void {
  const has = (type: NamespaceType) =>
    spec.linux.namespaces.some((entry) => entry.type === type);
  if (!has("ipc")) {
    spec.mounts = spec.mounts?.flatMap((mount) => {
      const { destination } = mount;
      if (!IPC_MOUNTS.includes(destination)) return [mount];
      return onHost(destination) ? [hostsOwn(destination)] : [];
    });
  }
  if (!maps) return;
  const terminals = 5;
  const mapped = maps.gids.some(({ containerID, size }) =>
    terminals >= containerID && terminals < containerID + size
  );
  spec.mounts = spec.mounts?.map((mount): Mount => {
    if (mount.type === "devpts" && !mapped) {
      return {
        ...mount,
        options: mount.options?.filter((option) => option !== "gid=5"),
      };
    }
    if (mount.type === "sysfs" && !has("network")) {
      leftOut.push(
        "/sys is the host's /sys, bind mounted read-only (a new one needs a network namespace)",
      );
      return hostsOwn("/sys", ["ro"]);
    }
    if (mount.type === "proc" && !has("pid")) {
      leftOut.push(
        "/proc is the host's /proc, bind mounted (a new one needs a PID namespace)",
      );
      return hostsOwn("/proc");
    }
    return mount;
  });
}

/** A bind mount of the host's directory instead of a new mount. */
const hostsOwn = (path: string, options: string[] = []): Mount => ({
  destination: path,
  type: "bind",
  source: path,
  options: ["rbind", ...options, "nosuid", "nodev", "noexec"],
});

/**
 * Refuses a mount that no process inside would see, and one that replaces /proc
 * by files that only look like it: programs and protections rely on /proc.
 */
function requirePlace({ destination, source, type }: Mount, world: World) {
  const parts: string[] = [];
  for (const part of destination.split("/")) {
    if (part === "..") parts.pop();
    else if (part && part !== ".") parts.push(part);
  }
  const what = type === "bind"
    ? source
    : type === "image"
    ? `the image ${source}`
    : `a ${type}`;
  if (!parts.length) {
    throw new UsageError(
      `Cannot mount ${what} at ${destination}: the root filesystem is there`,
      "Use --rootfs DIR for another root filesystem, or --ephemeral for one whose changes are discarded.",
    );
  }
  if (parts.join("/") !== "proc" || type === "proc") return;
  if (type === "bind" && isProc(source ?? "", world)) return;
  throw new UsageError(
    `Cannot mount ${what} at ${destination}: only a proc file system can be there, because programs and protections rely on it`,
    "Choose another path. To replace one file, mount at its path, such as /proc/cpuinfo.",
  );
}

/** Every proc file system has such a link for each process that sees it. */
const isProc = (path: string, world: World) =>
  /^\d+$/.test(orNull(() => world.readLink(`${path}/self`)) ?? "");

/** These are made in the root filesystem. */
const NO_MOUNTS: readonly (string | undefined)[] = [
  "directory",
  "file",
  "symlink",
];

/**
 * A requested mount replaces a default mount of the same destination. A
 * requested bind mount brings its own of everything below it, as with docker:
 * there might be no place for our mounts, and none is made on the host. Only
 * terminals are the container's own wherever possible. Below another requested
 * mount, the default mounts follow it.
 *
 * @throws {UsageError} for a mount that no process inside would see, or that is no
 * proc file system at /proc
 */
export function mergeMounts(
  defaults: readonly Mount[],
  asked: readonly Mount[],
  requester: Requester,
): Mount[] {
  for (const mount of asked) requirePlace(mount, requester.world);
  const taken = new Set(asked.map(({ destination }) => destination));
  if (taken.has("/sys")) taken.add("/sys/fs/cgroup");
  const first: Mount[] = [];
  const below = new Map<Mount, Mount[]>();
  for (const mount of defaults) {
    const { destination, type } = mount;
    if (taken.has(destination)) continue;
    const above = asked.findLast((other) =>
      destination.startsWith(`${other.destination}/`) &&
      !NO_MOUNTS.includes(other.type)
    );
    if (!above) {
      first.push(mount);
    } else if (
      !isBind(above) ||
      type === "devpts" && hasPlace(above, destination, requester)
    ) {
      below.set(above, [...below.get(above) ?? [], mount]);
    }
  }
  return [
    ...first,
    ...asked.flatMap((mount) => [mount, ...below.get(mount) ?? []]),
  ];
}

/**
 * The path on the host that a path inside has because of a bind mount, if
 * nothing exists there. Making it would change the host.
 */
export function missingOnHost(
  mounts: readonly Mount[],
  path: string,
  requester: Requester,
): string | null {
  const above = mounts.findLast(({ destination, type }) =>
    path.startsWith(`${destination.replace(/\/+$/, "")}/`) &&
    !NO_MOUNTS.includes(type)
  );
  if (!above || !isBind(above)) return null;
  const { source = "", destination } = above;
  const place = absolutePath(requester, source) +
    path.slice(destination.replace(/\/+$/, "").length);
  return requester.world.access(place, "exists") ? null : place;
}

/** Whether the source of a bind mount has a directory at a place inside. */
function hasPlace(
  { source = "", destination }: Mount,
  place: string,
  requester: Requester,
): boolean {
  const path = absolutePath(requester, source) +
    place.slice(destination.length);
  return orNull(() => requester.world.stat(path))?.type === "directory";
}

/**
 * docker's options z and Z relabel the source for SELinux. They are removed:
 * without SELinux there is no label, and with SELinux the label is not changed.
 */
export function withoutLabel(
  mount: Mount,
  leftOut: string[],
  world: World,
): Mount {
  const { options = [], source } = mount;
  if (!options.includes("z") && !options.includes("Z")) return mount;
  if (world.access("/sys/fs/selinux/enforce", "exists")) {
    leftOut.push(
      `${source} keeps its SELinux label. To let containers use it: chcon -R -t container_file_t ${source}`,
    );
  }
  return { ...mount, options: options.filter((word) => !/^z$/i.test(word)) };
}

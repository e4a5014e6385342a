/**
 * Fits the default mounts to the namespaces of a container. Only decides: it
 * changes the Spec and nothing else. Runs on the host, in the parent.
 */

import type { Mount, NamespaceType, Spec } from "../../spec/types.ts";
import type { IdMaps } from "./id_ranges.ts";

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

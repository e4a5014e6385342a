/** The default mounts, as the namespaces of a container allow them. */

import type { Mount, NamespaceType, Spec } from "../../spec/types.ts";
import type { IdMaps } from "./id_ranges.ts";

/** Where what an IPC namespace holds has names: POSIX shared memory and message queues. */
const IPC_MOUNTS = ["/dev/shm", "/dev/mqueue"];

/**
 * What a user namespace cannot mount, replaced by what it can; and what is the
 * host's by the host's.
 *
 * @param onHost whether the host has such a directory
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
        "/sys is the host's, bind mounted read-only (sysfs needs a network namespace)",
      );
      return hostsOwn("/sys", ["ro"]);
    }
    if (mount.type === "proc" && !has("pid")) {
      leftOut.push(
        "/proc is the host's, bind mounted (one of its own needs a process tree of its own)",
      );
      return hostsOwn("/proc");
    }
    return mount;
  });
}

/** What is not to be mounted anew, as the host has it. */
const hostsOwn = (path: string, options: string[] = []): Mount => ({
  destination: path,
  type: "bind",
  source: path,
  options: ["rbind", ...options, "nosuid", "nodev", "noexec"],
});

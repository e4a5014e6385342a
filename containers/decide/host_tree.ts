/**
 * Lists the top of the host's `/`, for changes over it in a user namespace
 * (plan/mounts/host_tree.ts). Only reads and decides; changes nothing. Runs on
 * the host, in the parent.
 */

import type { HostEntry } from "../../plan/facts.ts";
import type { Mount, Spec } from "../../spec/types.ts";
import { parseMountinfo } from "../../doctor/mounts.ts";
import type { World } from "../world/world.ts";

/**
 * File systems that can be the lower layer of an overlay. See the kernel's
 * overlayfs documentation.
 */
const FIT = /^(?:ext[234]|xfs|btrfs|f2fs|erofs|squashfs|tmpfs|overlay|zfs)$/;

/**
 * The entries at the top of the host's tree.
 *
 * @param leftOut collects a sentence on the directories that cannot be changed
 */
export function readHostTree(
  { mounts = [] }: Pick<Spec, "mounts">,
  leftOut: string[],
  world: World,
): HostEntry[] {
  const entries = hostEntries(mounts, world);
  const kept = entries.filter(({ kind }) => kind === "kept")
    .map(({ path }) => path);
  if (kept.length) {
    leftOut.push(
      `no changes are possible below ${
        kept.join(", ")
      }: without root, an overlay cannot cover a directory with mounts below it`,
    );
  }
  return entries;
}

function hostEntries(mounts: readonly Mount[], world: World): HostEntry[] {
  const covered = new Set(mounts.map(({ destination }) => destination));
  const all = parseMountinfo(world.readText("/proc/self/mountinfo"));
  return world.readDirectory("/").flatMap(
    ({ name, type }): HostEntry[] => {
      const path = `/${name}`;
      if (type === "link") {
        return [{ kind: "link", path, to: world.readLink(path) }];
      }
      if (type === "file") return [{ kind: "file", path }];
      // No process inside can use a pipe or socket at the top.
      if (type !== "directory") return [];
      if (covered.has(path)) return [{ kind: "place", path }];
      const isFit = all.every(({ target, type }) =>
        target === path ? FIT.test(type) : !target.startsWith(`${path}/`)
      );
      return [{ kind: isFit ? "directory" : "kept", path }];
    },
  );
}

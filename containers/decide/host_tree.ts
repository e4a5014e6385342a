/**
 * Lists the top of the host's `/`, for changes over it in a user namespace
 * (plan/mounts/host_tree.ts). Only reads and decides; changes nothing. Runs on
 * the host, in the parent.
 */

import type { HostEntry } from "../../plan/facts.ts";
import type { Mount, Spec } from "../../spec/types.ts";
import { parseMountinfo } from "../../doctor/mounts.ts";

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
): HostEntry[] {
  const entries = hostEntries(
    [...Deno.readDirSync("/")].map(({ name }) => `/${name}`).sort(),
    Deno.readTextFileSync("/proc/self/mountinfo"),
    mounts,
  );
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

function hostEntries(
  paths: readonly string[],
  mountinfo: string,
  mounts: readonly Mount[],
): HostEntry[] {
  const covered = new Set(mounts.map(({ destination }) => destination));
  const all = parseMountinfo(mountinfo);
  return paths.flatMap(
    (path): HostEntry[] => {
      const { isSymlink, isDirectory, isFile } = Deno.lstatSync(path);
      if (isSymlink) {
        return [{ kind: "link", path, to: Deno.readLinkSync(path) }];
      }
      if (isFile) return [{ kind: "file", path }];
      // No process inside can use a pipe or socket at the top.
      if (!isDirectory) return [];
      if (covered.has(path)) return [{ kind: "place", path }];
      const isFit = all.every(({ target, type }) =>
        target === path ? FIT.test(type) : !target.startsWith(`${path}/`)
      );
      return [{ kind: isFit ? "directory" : "kept", path }];
    },
  );
}

/**
 * File systems with a source on the host: an overlay of directories, a disk.
 * Their paths are paths of the host, so they are mounted while its tree still
 * exists. Then they wait, detached, until they are attached in the container.
 * Pure.
 */

import type { Mount, Spec } from "../../spec/types.ts";
import type { Facts } from "../facts.ts";
import { STAGING } from "./host_tree.ts";
import { isMemoryFile } from "./memory_files.ts";
import { isBind, mountOptions } from "./options.ts";
import type { Step } from "../step.ts";

/** Types that need no source on the host; what they name as source is only a word. */
const WITHOUT_SOURCE = new Set([
  ...["proc", "sysfs", "tmpfs", "ramfs", "devpts", "mqueue", "cgroup"],
  ...["cgroup2", "hugetlbfs", "devtmpfs", "debugfs", "tracefs", "securityfs"],
  ...["configfs", "bpf", "efivarfs", "fusectl", "binfmt_misc", "pstore"],
  // Entries that `run` can ask for in addition to mounts.
  ...["none", "directory", "file", "symlink"],
]);

/** Whether a mount is a file system with a source on the host. */
export function isHostFilesystem(entry: Mount): boolean {
  const { type = "none", source = "" } = entry;
  if (isBind(entry) || isMemoryFile(entry) || WITHOUT_SOURCE.has(type)) {
    return false;
  }
  return type === "overlay" || source.startsWith("/");
}

/** Mounts it where the root filesystem will be, opens it, and unmounts it. */
export function prepareHostFilesystem(
  { root }: Spec,
  { rootKind }: Pick<Facts, "rootKind">,
  entry: Mount,
  name: string,
): Step[] {
  const { type = "none", source = type, options = [] } = entry;
  const { flags, data } = mountOptions(options);
  const target = rootKind === "directory" ? root.path : STAGING;
  return [{
    step: "mount",
    source,
    target,
    type,
    flags,
    data: data.join(",") || null,
    why:
      `the source of ${entry.destination} is on the host, so it is mounted now, briefly at the path of the root filesystem and only in this mount namespace`,
    man: "mount(2)",
  }, {
    step: "openTree",
    name,
    source: target,
    recursive: false,
    why: "keeps the mount, which waits to be attached in the root",
    man: "open_tree(2)",
  }, {
    step: "unmount",
    target,
    why: "uncovers the path, where the root filesystem comes next",
    man: "umount2(2)",
  }];
}

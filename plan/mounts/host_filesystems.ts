/**
 * File systems that are made of something on the host: an overlay of
 * directories, a disk. Their paths are the host's, so they are mounted while
 * its tree is still there, and wait as a mount without a place for theirs in
 * the container. Pure.
 */

import type { Mount, Spec } from "../../spec/types.ts";
import type { Facts } from "../facts.ts";
import { STAGING } from "./host_tree.ts";
import { isMemoryFile } from "./memory_files.ts";
import { isBind, mountOptions } from "./options.ts";
import type { Step } from "../step.ts";

/** What is there without any source; what stands for one is a word. */
const OF_THE_KERNEL = new Set([
  ...["proc", "sysfs", "tmpfs", "ramfs", "devpts", "mqueue", "cgroup"],
  ...["cgroup2", "hugetlbfs", "devtmpfs", "debugfs", "tracefs", "securityfs"],
  ...["configfs", "bpf", "efivarfs", "fusectl", "binfmt_misc", "pstore"],
  // What `run` can ask for beside mounts.
  ...["none", "directory", "file", "symlink"],
]);

/** Whether a mount is a file system of what is on the host. */
export function isHostFilesystem(entry: Mount): boolean {
  const { type = "none", source = "" } = entry;
  if (isBind(entry) || isMemoryFile(entry) || OF_THE_KERNEL.has(type)) {
    return false;
  }
  return type === "overlay" || source.startsWith("/");
}

/** Mounts it where the root filesystem will be, for as long as it takes to open it. */
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
      `what ${entry.destination} will show lies on the host: it is mounted for a moment where the root filesystem will be, in this mount namespace alone`,
    man: "mount(2)",
  }, {
    step: "openTree",
    name,
    source: target,
    recursive: false,
    why: "a mount that waits for its place in the root",
    man: "open_tree(2)",
  }, {
    step: "unmount",
    target,
    why: "the root filesystem is needed as it is",
    man: "umount2(2)",
  }];
}

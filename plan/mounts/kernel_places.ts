/**
 * Mounts over /proc and /sys. The caller may ask for them by name. Through a
 * symbolic link of the root filesystem, an image could redirect another mount
 * there and cover files that later steps use (CVE-2019-16884 and similar).
 * Pure.
 */

import type { Mount, Spec } from "../../spec/types.ts";
import { isCopy } from "./host_mounts.ts";
import { directoriesAbove } from "./paths.ts";

const isAt = (path: string, place: string) =>
  path === place || path.startsWith(`${place}/`);

/** Whether a path is in /proc or /sys, by its name. */
export const isKernelPath = (path = "") =>
  isAt(path, "/proc") || isAt(path, "/sys");

const MADE_EMPTY = ["tmpfs", "devpts", "mqueue", "cgroup", "cgroup2"];
const KERNEL_TYPES = ["proc", "sysfs"];

/**
 * Whether a mount contains no symbolic link of an image: only our steps fill
 * it, or it is a file system of the kernel.
 */
const hasNoImageLinks = (mount: Mount) =>
  MADE_EMPTY.includes(mount.type ?? "") && !isCopy(mount) ||
  KERNEL_TYPES.includes(mount.type ?? "") || isKernelPath(mount.source);

/**
 * Returns a function that tells whether a mount at a path must be kept from
 * leading to /proc or /sys. Its second parameter is the mount's index; without
 * it the path is one that follows all mounts.
 */
export function kernelKeeper(
  { mounts = [] }: Spec,
): (path: string, index?: number) => boolean {
  const first = new Map<string, number>();
  for (const [index, mount] of mounts.entries()) {
    if (!first.has(mount.destination) && hasNoImageLinks(mount)) {
      first.set(mount.destination, index);
    }
  }
  return (path, index = mounts.length) =>
    !isKernelPath(path) &&
    !directoriesAbove(path).some((above) =>
      (first.get(above) ?? index) < index
    );
}

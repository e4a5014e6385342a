/**
 * Mounts over /proc and /sys. The caller may ask for them by name. Through a
 * symbolic link of the root filesystem, an image could redirect another mount
 * there and cover files that later steps use (CVE-2019-16884 and similar).
 * Pure.
 */

import type { Mount, Spec } from "../../spec/types.ts";
import { isCopy } from "./host_mounts.ts";

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

/** Whether a mount at this path must be kept from leading to /proc or /sys. */
export function keepsOffKernel(
  { mounts = [] }: Spec,
  path: string,
  index = mounts.length,
): boolean {
  return !isKernelPath(path) &&
    !mounts.slice(0, index).some((mount) =>
      path.startsWith(`${mount.destination}/`) && hasNoImageLinks(mount)
    );
}

/**
 * What is mounted over /proc and /sys. By name that is the caller's to ask for;
 * through a link of the root filesystem it is the image's, which could cover
 * what our own steps have yet to use there (CVE-2019-16884 and its kin). Pure.
 */

import type { Mount, Spec } from "../../spec/types.ts";
import { isCopy } from "./host_mounts.ts";

const isAt = (path: string, place: string) =>
  path === place || path.startsWith(`${place}/`);

/** Whether a path names what the kernel shows. */
export const isKernels = (path = "") =>
  isAt(path, "/proc") || isAt(path, "/sys");

const MADE = ["tmpfs", "devpts", "mqueue", "cgroup", "cgroup2"];
const SHOWN = ["proc", "sysfs"];

/** Whether everything in it is ours, so that no link of an image is on the way; or it is the kernel's, by name. */
const isKnown = (mount: Mount) =>
  MADE.includes(mount.type ?? "") && !isCopy(mount) ||
  SHOWN.includes(mount.type ?? "") || isKernels(mount.source);

/** Whether what is mounted at a path may lead to neither of them. */
export function keepsOffKernel(
  { mounts = [] }: Spec,
  path: string,
  index = mounts.length,
): boolean {
  return !isKernels(path) &&
    !mounts.slice(0, index).some((mount) =>
      path.startsWith(`${mount.destination}/`) && isKnown(mount)
    );
}

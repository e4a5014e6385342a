/**
 * linux.mountLabel: the SELinux context of the container's file systems. Only
 * decides: changes nothing but the Spec. Runs on the host, in the command that
 * creates the container.
 */

import { readFile } from "../../cgroup/apply.ts";
import { SpecError } from "../../spec/errors.ts";
import type { Spec } from "../../spec/types.ts";

/**
 * File system types without a context option. The kernel labels their content
 * itself.
 */
const UNLABELLED = ["proc", "sysfs", "cgroup", "cgroup2", "bind"];

/**
 * Adds the label to file systems that are mounted new, mount(8) `context=`.
 *
 * @throws {SpecError} if there is no SELinux
 */
export function labelMounts(spec: Spec): void {
  const { mountLabel } = spec.linux;
  if (!mountLabel) return;
  if (!/^nodev\s+selinuxfs$/m.test(readFile("/proc/filesystems") ?? "")) {
    throw new SpecError("linux.mountLabel: SELinux is not enabled", {
      hint: "Remove it from config.json, or boot with security=selinux.",
    });
  }
  for (const mount of spec.mounts ?? []) {
    const { type = "none", options = [] } = mount;
    const isBind = options.some((option) => /^r?bind$/.test(option));
    if (isBind || UNLABELLED.includes(type)) continue;
    mount.options = [...options, `context="${mountLabel}"`];
  }
}

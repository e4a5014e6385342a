/** linux.mountLabel: the SELinux context of the container's file systems. Decides, on the host. */

import { readFile } from "../../cgroup/apply.ts";
import { SpecError } from "../../spec/errors.ts";
import type { Spec } from "../../spec/types.ts";

/** Those that take no context of their own: the kernel labels what is in them. */
const UNLABELLED = ["proc", "sysfs", "cgroup", "cgroup2", "bind"];

/**
 * Gives the file systems that are mounted new the label, mount(8) `context=`.
 *
 * @throws {SpecError} where there is no SELinux
 */
export function labelMounts(spec: Spec): void {
  const { mountLabel } = spec.linux;
  if (!mountLabel) return;
  if (!/^nodev\s+selinuxfs$/m.test(readFile("/proc/filesystems") ?? "")) {
    throw new SpecError("linux.mountLabel: there is no SELinux here", {
      hint: "Leave it out of config.json, or boot with security=selinux.",
    });
  }
  for (const mount of spec.mounts ?? []) {
    const { type = "none", options = [] } = mount;
    const isBind = options.some((option) => /^r?bind$/.test(option));
    if (isBind || UNLABELLED.includes(type)) continue;
    mount.options = [...options, `context="${mountLabel}"`];
  }
}

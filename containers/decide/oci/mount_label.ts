/**
 * linux.mountLabel: the SELinux context of the container's file systems. Only
 * reads and decides; changes nothing. Runs on the host, in the command that
 * creates the container.
 */

import { SpecError } from "../../../spec/errors.ts";
import type { Mount, Spec } from "../../../spec/types.ts";
import type { World } from "../../world/world.ts";
import { orNull } from "../requester.ts";

/**
 * File system types without a context option. The kernel labels their content
 * itself.
 */
const UNLABELLED = ["proc", "sysfs", "cgroup", "cgroup2", "bind"];

/**
 * The mounts of a Spec. Those that are mounted new have the label, mount(8)
 * `context=`.
 *
 * @throws {SpecError} if there is no SELinux
 */
export function labelledMounts(
  { linux: { mountLabel }, mounts = [] }: Pick<Spec, "linux" | "mounts">,
  world: World,
): Mount[] {
  if (!mountLabel) return mounts;
  const types = orNull(() => world.readText("/proc/filesystems")) ?? "";
  if (!/^nodev\s+selinuxfs$/m.test(types)) {
    throw new SpecError("linux.mountLabel: SELinux is not enabled", {
      hint: "Remove it from config.json, or boot with security=selinux.",
    });
  }
  return mounts.map((mount) => {
    const { type = "none", options = [] } = mount;
    const isBind = options.some((option) => /^r?bind$/.test(option));
    return isBind || UNLABELLED.includes(type)
      ? mount
      : { ...mount, options: [...options, `context="${mountLabel}"`] };
  });
}

/**
 * A scope of systemd: a cgroup that systemd knows of and has handed to us. Where
 * systemd runs every cgroup is its own, but for what is below a unit with
 * Delegate=yes; it may undo what others write elsewhere. Decides and reads;
 * start_scope.ts has it made. See systemd.scope(5) and "Control Group APIs and
 * Delegation" of systemd's documentation.
 *
 * @module
 */

import type { CgroupMount, ReadLevel } from "./hierarchy.ts";
import { parentOf } from "./place.ts";
import type { CgroupScope } from "./step.ts";

/** Where systemd listens. */
export const SYSTEM_BUS = "/run/dbus/system_bus_socket";

/** Whether systemd is PID 1 and answers, sd_booted(3). */
export function hasSystemd(): boolean {
  return ["/run/systemd/system", SYSTEM_BUS].every((path) => {
    try {
      Deno.statSync(path);
      return true;
    } catch {
      return false;
    }
  });
}

/** Where a slice is: `a-b.slice` is in `a.slice`, systemd.slice(5). */
export function slicePath(slice: string): string {
  const parts = slice.replace(/\.slice$/, "").split("-").filter(Boolean);
  return parts.map((_, index) =>
    `/${parts.slice(0, index + 1).join("-")}.slice`
  ).join("");
}

/** The scope of a container. */
export function planScope(
  id: string,
  mount: CgroupMount,
  slice = "system.slice",
): CgroupScope {
  const unit = `container-${id}.scope`;
  const path = `${mount.path}${slicePath(slice)}/${unit}`;
  return { unit, slice, path, own: `${path}/container`, properties: [] };
}

/** The controllers that systemd knows, and hands down to a unit with Delegate=yes. */
const HANDED_DOWN = ["cpu", "cpuset", "io", "memory", "pids"];

/** What systemd hands down of what there is. */
export const handedDown = ({ controllers }: CgroupMount): string[] =>
  controllers.filter((name) => HANDED_DOWN.includes(name));

/**
 * What a scope will be when systemd has made it: ours, with the controllers that
 * systemd hands down. Others are for us to hand down, from the top.
 */
export function readWithScope(
  { path }: CgroupScope,
  mount: CgroupMount,
  read: ReadLevel,
): ReadLevel {
  const above = new Set<string>();
  for (
    let directory = parentOf(path);
    directory !== mount.path && directory !== "/";
    directory = parentOf(directory)
  ) above.add(directory);
  const enabled = handedDown(mount);
  const made = {
    writable: true,
    movable: true,
    controllers: mount.controllers,
    populated: false,
    root: false,
  };
  const also = (others: readonly string[] = []) => [
    ...new Set([...enabled, ...others]),
  ];
  return (directory) => {
    if (directory === path) return { ...made, enabled: [] };
    const level = read(directory);
    if (above.has(directory)) {
      return { ...made, enabled: also(level?.enabled) };
    }
    if (directory !== mount.path) return level;
    const { writable, movable, controllers, populated, root } = level ?? made;
    return {
      ...{ writable, movable, controllers, populated, root },
      enabled: also(level?.enabled),
    };
  };
}
